"""Whether experiments find what is there: equal arms, a planted difference, and a known capacity."""

# Before Locust replaces sockets: Ansible tries them when it is imported, and a failure is printed.
import fleet.inventory  # noqa: F401
