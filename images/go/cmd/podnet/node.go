package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
)

const (
	host          = "/host" // where the DaemonSet mounts the node's root
	configuration = host + "/etc/cni/net.d/10-podnet.conflist"
	ours          = 141 // marks our routes, so that those of vanished nodes can be told from others
)

type object = map[string]any

// Point-to-point links instead of a bridge: a bridge would carry answers past the node's address translation
// on kernels without br_netfilter.
func writeConfiguration(ranges []*net.IPNet) error {
	if len(ranges) == 0 {
		return nil
	}
	var subnets [][]object
	var routes []object
	for _, one := range ranges {
		subnets = append(subnets, []object{{"subnet": one.String()}})
		everywhere := "0.0.0.0/0"
		if isV6(one.IP) {
			everywhere = "::/0"
		}
		routes = append(routes, object{"dst": everywhere})
	}
	ipam := object{"type": "host-local", "dataDir": "/run/cni-ipam-state", "ranges": subnets, "routes": routes}
	text, err := json.MarshalIndent(object{"cniVersion": "0.3.1", "name": "podnet", "plugins": []object{
		{"type": "ptp", "ipMasq": false, "ipam": ipam},
		{"type": "portmap", "capabilities": object{"portMappings": true}},
	}}, "", "  ")
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(configuration); err == nil && bytes.Equal(old, text) {
		return nil
	}
	// A name without the ending, or containerd reads it half written.
	if err := os.WriteFile(configuration+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(configuration+".new", configuration)
}

func route(others []*corev1.Node) error {
	wanted := map[string]bool{}
	for _, node := range others {
		for _, to := range podRanges(node) {
			via := address(node, isV6(to.IP))
			if via == nil {
				continue
			}
			wanted[to.String()] = true
			if err := netlink.RouteReplace(&netlink.Route{Dst: to, Gw: via, Protocol: ours}); err != nil {
				return fmt.Errorf("route to %s via %s: %w", to, via, err)
			}
		}
	}
	known, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Protocol: ours}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return err
	}
	for _, one := range known {
		if one.Dst != nil && !wanted[one.Dst.String()] {
			if err := netlink.RouteDel(&one); err != nil {
				return err
			}
		}
	}
	return nil
}

func masquerade(subnet *net.IPNet) error {
	table := "iptables"
	if isV6(subnet.IP) {
		table = "ip6tables"
	}
	rule := []string{"POSTROUTING", "-s", subnet.String(), "!", "-d", subnet.String(),
		"-m", "addrtype", "!", "--dst-type", "LOCAL", "-j", "MASQUERADE"}
	if onNode(table, append([]string{"-w", "-t", "nat", "-C"}, rule...)...) == nil {
		return nil
	}
	return onNode(table, append([]string{"-w", "-t", "nat", "-A"}, rule...)...)
}

// The node's own iptables, which speaks to the same back end as its kubelet and kube-proxy.
func onNode(command string, arguments ...string) error {
	run := exec.Command("/usr/sbin/"+command, arguments...)
	run.Dir = "/"
	run.SysProcAttr = &syscall.SysProcAttr{Chroot: host}
	if said, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, said)
	}
	return nil
}
