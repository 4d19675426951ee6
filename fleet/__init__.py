"""What the controller asks of the hosts, and the record of a run.

fabfile.py                                  the commands of `fab`
status, logs, stop, tunnel                  what each of them does
members, load_hosts, leases, samplers       what one host is asked, and what its answer means
run_lines, progress                         runs in words
inventory → endpoints → hosts               from Ansible's inventory to a host that runs a command:
    ssh, ssh_failures, child_process        Ansible's arguments for OpenSSH, its errors, and the limits of a process
"""
