# What this host lacks for the faults of the network: a line for each action that it cannot do, with the reason.
# Arguments: the planned actions, `--`, and the addresses of the other hosts. Tools are tried in a network of their own
# (unshare), which goes away with its process: nothing of the host's network is touched.
lacks() { echo "zk-locust-lacks $*"; }

shapes() { # and prints the last line of what is wrong
  problem=$(unshare -n sh -e -c "
    ip link add zkf type ifb
    tc qdisc add dev zkf root handle 7a6b: htb default 1
    tc class add dev zkf parent 7a6b: classid 7a6b:1 htb rate 8mbit burst 16k
    tc qdisc add dev zkf parent 7a6b:1 handle 7a6c: $1
    ip link set lo up
    nft -f - <<RULES
    table netdev zkf {
      counter met { }
      chain input { type filter hook ingress device \"lo\" priority -300; tcp dport { 2181 } counter name met fwd to \"zkf\"; }
    }
RULES
    " 2>&1 >/dev/null) || { printf '%s\n' "$problem" | tail -n 1; return 1; }
}

relays() { # a delay without netem: by a process, over a tap
  [ "$(cat /proc/sys/net/ipv4/conf/all/rp_filter)" != 1 ] || { echo 'net.ipv4.conf.all.rp_filter is 1'; return 1; }
  problem=$(unshare -n sh -e -c '
    ip tuntap add dev zkt mode tap
    nft -f - <<RULES
    table netdev zkt {
      counter met { }
      chain output { type filter hook egress device "lo" priority -300; tcp dport { 2181 } counter name met fwd to "zkt"; }
    }
RULES
    ' 2>&1 >/dev/null) || { printf '%s\n' "$problem" | tail -n 1; return 1; }
}

own_qdisc() { # of an interface over which another host is reached
  for address in "$@"; do
    address=$(getent ahosts "$address" | sed -n '1s/ .*//p')
    [ -n "$address" ] || continue
    device=$(ip -o route get "$address" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
    [ -n "$device" ] || continue
    tc qdisc show dev "$device" 2>/dev/null | sed -n "s/^qdisc \([^ ]*\) \([1-9a-f][0-9a-f]*:\) root.*/$device has a qdisc of its own [\1 \2]/p"
  done | head -n 1
}

drops() { # by ss -K, or by pidfd_getfd; without root a member of the same user may be traced
  [ "$(id -u)" = 0 ] || [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] || return 1
  "$python" -I -c '
import ctypes, os, socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
words = ["ss", "-K", "-H", "-t", "-n", "state", "established", "dst", "127.0.0.1:%d" % server.getsockname()[1]]
try:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
except OSError:
    done = b""
sys.exit(0 if done or ctypes.CDLL(None).syscall(438, os.pidfd_open(os.getpid()), 0, 0) >= 0 else 1)' 2>/dev/null
}

python=$1
shift
wanted=
while [ $# -gt 0 ] && [ "$1" != -- ]; do wanted="$wanted $1"; shift; done
[ $# -eq 0 ] || shift
for action in $wanted; do
  case $action in
    delay)
      reason=$(shapes 'netem delay 1ms') || other=$(relays) ||
        lacks delay "${reason:-unshare, ip, tc or nft fails}, and without netem ${other:-unshare, ip or nft fails}"
      ;;
    bandwidth) reason=$(shapes 'bfifo limit 256k') || lacks bandwidth "${reason:-unshare, ip, tc or nft fails}" ;;
    drop-connections) drops || lacks drop-connections "neither ss -K nor pidfd_getfd works" ;;
  esac
  case $action in
    delay | bandwidth) reason=$(own_qdisc "$@"); [ -z "$reason" ] || lacks "$action" "$reason" ;;
  esac
done
exit 0
