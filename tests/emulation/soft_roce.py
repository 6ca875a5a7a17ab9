"""Runs a program in a virtual machine that has RDMA in software (soft-RoCE), where there is no NIC.

    python tests/emulation/soft_roce.py SCRATCH FOLDER COMMAND...

FOLDER is what the machine sees as /mnt; COMMAND is run there by the machine's shell, with an RDMA
device rxe0 at 10.0.2.15. The exit status is the command's. SCRATCH keeps what Debian's packages
hold (120 MB). Needed: apt-get and dpkg-deb of Debian or Ubuntu, a network once, and
qemu-system-x86_64.

What comes out shows that code works, and nothing about its speed: one core, emulated as well.
"""

from __future__ import annotations

import argparse
import gzip
import re
import subprocess
import sys
from pathlib import Path

# The C++ library and libfabric with what they need; the tools.
PACKAGES = [
    *("busybox-static", "libatomic1", "libc6", "libgcc-s1", "libstdc++6", "zlib1g"),
    *("libfabric1", "libfabric-bin", "ibverbs-providers", "ibverbs-utils", "libibverbs1"),
    *("libnl-3-200", "libnl-route-3-200", "libnuma1", "libpsm2-2", "libpsm-infinipath1"),
    *("librdmacm1", "libuuid1"),
    *("iproute2", "libbpf1", "libbsd0", "libcap2", "libcom-err2", "libdb5.3", "libelf1"),
    *("libgssapi-krb5-2", "libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0"),
    *("libmd0", "libmnl0", "libpcre2-8-0", "libselinux1", "libssl3", "libtirpc3"),
    *("libxtables12", "libzstd1"),
]
# In this order: the guest's disk first, then its network and RDMA over it.
MODULES = [
    *("crc32_generic", "virtio_pci", "9pnet_virtio", "9p", "virtio_net"),
    *("rdma_rxe", "rdma_ucm"),
]

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod /modules/$module.ko; done
mount9p() { /bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,$3 $1 $2; }
mount9p root /host ro
for d in proc sys dev; do /bin/busybox mount --bind /$d /host/$d; done
/bin/busybox mount -t tmpfs tmp /host/tmp
/bin/busybox mkdir -p /dev/shm; /bin/busybox mount -t tmpfs shm /dev/shm
mount9p folder /host/mnt rw
ulimit -l unlimited
/bin/busybox chroot /host /bin/busybox sh /mnt/.soft_roce_command
/bin/busybox poweroff -f
"""

COMMAND = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
/bin/busybox ip link set lo up
/bin/busybox ip addr add 10.0.2.15/24 dev eth0
/bin/busybox ip link set eth0 up
rdma link add rxe0 type rxe netdev eth0
echo "kernel $(/bin/busybox uname -r), $(rdma link show)"
cd /mnt
({command})
echo "soft_roce status $?"
"""


def newc(entries: list[tuple[str, int, bytes]]) -> bytes:
    """Returns a cpio archive of (name, mode, bytes), as the kernel takes an initial file system."""
    parts = []
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]
    return b"".join(parts)


def unpack(scratch: Path) -> tuple[Path, Path]:
    """Returns the folders of the guest's root and of its kernel, fetched at the first call."""
    root, kernel = scratch / "root", scratch / "kernel"
    if (scratch / "complete").exists():
        return root, kernel
    debs = scratch / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    depends = subprocess.run(
        ["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True
    ).stdout
    image = re.search(r"linux-image-\d\S+", depends)
    assert image, f"linux-image-amd64 depends on no image: {depends}"
    subprocess.run(["apt-get", "download", "-q", image[0], *PACKAGES], check=True, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        into = kernel if deb.name.startswith("linux-image") else root
        subprocess.run(["dpkg-deb", "-x", deb, into], check=True)
    for folder in ("proc", "sys", "dev", "tmp", "mnt"):
        (root / folder).mkdir(exist_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n10.0.2.15 guest\n")
    # Its package leaves this link to a script that is not run here.
    (psm,) = (root / "usr/lib/libpsm1").glob("libpsm_infinipath.so.1.*")
    (root / "usr/lib/x86_64-linux-gnu/libpsm_infinipath.so.1").symlink_to(f"../libpsm1/{psm.name}")
    (scratch / "complete").touch()
    return root, kernel


def with_dependencies(kernel: Path) -> list[Path]:
    """Returns the kernel modules of MODULES, each after those that it needs."""
    files = {path.stem.replace("-", "_"): path for path in kernel.rglob("*.ko")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files[name.replace("-", "_")]
        needed = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in needed[1].decode().split(",") if needed and needed[1] else []:
            add(other)
        if path not in order:
            order.append(path)

    for name in MODULES:
        add(name)
    return order


def write_initrd(path: Path, root: Path, kernel: Path) -> None:
    modules = with_dependencies(kernel)
    files = [("init", INIT.encode()), ("bin/busybox", (root / "bin/busybox").read_bytes())]
    files += [(f"modules/{module.name}", module.read_bytes()) for module in modules]
    files += [("modules/order", " ".join(module.stem for module in modules).encode())]
    entries = [(folder, 0o040755, b"") for folder in ("bin", "modules")]
    entries += [(name, 0o100755, data) for name, data in files]
    path.write_bytes(gzip.compress(newc(entries), compresslevel=1))


def boot(root: Path, kernel: Path, initrd: Path, folder: Path) -> int:
    """Runs the guest until it turns itself off; returns the status of the command."""
    image = next((kernel / "boot").glob("vmlinuz-*"))
    share = "local,path={},mount_tag={},security_model=none,multidevs=remap"
    command = [
        *("qemu-system-x86_64", "-accel", "tcg", "-m", "1024", "-smp", "1", "-nographic"),
        "-no-reboot",
        *("-kernel", image, "-initrd", initrd),
        *("-append", "console=ttyS0 quiet panic=-1 no_timer_check"),
        *("-virtfs", share.format(root, "root") + ",readonly=on"),
        *("-virtfs", share.format(folder, "folder")),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"),
    ]
    status = 1
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as guest:
        assert guest.stdout
        for line in guest.stdout:
            if found := re.search(r"soft_roce status (\d+)", line):
                status = int(found[1])
            sys.stdout.write(line)
            sys.stdout.flush()
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a command in a guest with soft-RoCE")
    parser.add_argument("scratch", type=Path, help="the folder that keeps the guest's packages")
    parser.add_argument("folder", type=Path, help="the folder that the guest sees as /mnt")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what its shell runs")
    given = parser.parse_args()
    scratch, folder = given.scratch.resolve(), given.folder.resolve()
    root, kernel = unpack(scratch)
    initrd = scratch / "initrd.gz"
    write_initrd(initrd, root, kernel)
    (folder / ".soft_roce_command").write_text(COMMAND.format(command=" ".join(given.command)))
    return boot(root, kernel, initrd, folder)


if __name__ == "__main__":
    sys.exit(main())
