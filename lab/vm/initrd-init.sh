#!/bin/busybox sh
# shellcheck shell=dash
# The whole initrd: load what the disk and the network need, give the machine its address in qemu's
# user-mode network, mount the disk, go on there.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover \
  net_failover virtio_net; do
  [ ! -e /mod/$module.ko ] || $b insmod /mod/$module.ko || echo "lab: module $module was not loaded"
done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do
  $b sleep 0.1
  tries=$((tries + 1))
done
# Addresses stay when systemd takes over; it sets up the loopback device by itself.
$b ip link set eth0 up
$b ip addr add 10.0.2.15/24 dev eth0
$b ip route add default via 10.0.2.2
if ! $b mount -t ext4 -o rw /dev/vda /root; then
  echo 'lab: the disk cannot be mounted'
  $b poweroff -f
fi
$b umount /proc /sys
$b mount --move /dev /root/dev
exec $b switch_root /root /sbin/init
