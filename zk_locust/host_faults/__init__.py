"""What does faults to a member on its host, and heals them there at their deadline, whatever the controller does.

The role `zookeeper` copies it, with what it needs of the contract, into the member's folder. Python 3.9, standard
library only.
"""
