"""Ends samplers on members that outlive their run, because its controller was killed."""

import shlex
from collections.abc import Collection

from fleet import leases
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.hosts import Host, ask_all
from fleet.inventory import MEMBERS, Inventory
from fleet.members import managed

# A sampler's folder is named for its run. A pid file says `PID STARTTIME` (collectors/host_metrics/background.py).
# Ids are used again: the start must match.
_SCRIPT = """
for file in "$state"/zookeeper/*/samples/*/*.pid; do
  [ -f "$file" ] && [ ! -L "$file" ] || continue
  run=${file%/*}
  [ -z "$holder" ] || [ "${run##*/}" != "$holder" ] || continue
  read -r pid start <"$file"
  case "$pid$start" in *[!0-9]* | "") continue ;; esac
  [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$start" ] || continue
  tr '\\0' '\\n' <"/proc/$pid/cmdline" | grep -qx host_metrics || continue
  kill "$pid" && echo ended
done
true
"""


def end(inventory: Inventory, ended: Collection[str] = ()) -> list[str]:
    """End samplers on all members that the inventory manages; return the names of the members where some were running.

    The samplers of the run that holds a member continue, unless it is in `ended`, the runs that have just been ended.

    Raises InputError for an inventory that cannot be used. A member that cannot be asked is left out: `fab status` says
    why, and its sampler ends by itself.
    """
    names = list(inventory.group(MEMBERS)) if managed(inventory) else []

    def question(host: Host) -> bool:
        words = leases.state_words(str(inventory.hosts[host.endpoint.name].get("zookeeper_state_dir") or ""))
        try:
            lease = leases.parse(host.run(f"{words}; {leases.SHOW}").out)
            holder = lease["run_id"] if lease and lease["run_id"] not in ended else ""
            return "ended" in host.run(f"{words}\nholder={shlex.quote(holder)}\n{_SCRIPT}").out
        except HostError:
            return False

    answers = ask_all([endpoint(inventory.hosts[name]) for name in names], question)
    return [name for name, answer in answers.items() if answer]
