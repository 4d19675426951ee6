"""What people at the controller ask of the fleet, and what the controller makes for it.

fabfile.py                              the commands
status, logs, stop, tunnel              what each of them does
members, load_hosts                     what one host is asked, and what its answer means
inventory → endpoints → hosts           from Ansible's inventory to a host that runs a command
wheelhouse                              what load hosts install, gathered once on the controller
"""
