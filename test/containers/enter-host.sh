#!/bin/sh
# enter-host.sh NAME ARGV...: runs ARGV as user NAME on a host as containers expect it, in a mount namespace of its own: crun
# refuses hosts that have both versions of control groups, and podman wants `/` shared. Started by `unshare --mount`, as root.
set -eu
mount --make-rprivate /
if [ -d /sys/fs/cgroup/unified ]; then
	umount -R /sys/fs/cgroup
	mount -t cgroup2 none /sys/fs/cgroup
fi
mount --make-rshared /
name=$1
shift
exec setpriv --reuid="$name" --regid="$(id -g "$name")" --init-groups -- "$@"
