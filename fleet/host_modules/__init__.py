"""Modules of ours on hosts, without Ansible's library for modules.

To import that library costs a host 0.15 s of CPU a call, more than nearly all that our modules do. `action` sends a
module together with `runtime`, which stands in for the library, over the connection, as pipelining does. Where that
cannot be done, Ansible runs the module like any other.
"""
