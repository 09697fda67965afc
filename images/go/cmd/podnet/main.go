// Podnet gives the Pods of a kind cluster their network: the CNI configuration of its own node, a route to the
// Pods of every other node, and a masquerade rule for what leaves the Pods' range. All nodes of a kind cluster
// share one bridge, so plain routes are enough. It enforces no NetworkPolicy.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Nodes that restart come back with other addresses and without their routes: look again this often.
const period = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	_, subnet, err := net.ParseCIDR(os.Getenv("POD_SUBNET"))
	if err != nil {
		log.Fatal("POD_SUBNET: ", err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), 0)
	nodes := factory.Core().V1().Nodes()
	changed := make(chan struct{}, 1)
	poke := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: poke, DeleteFunc: poke, UpdateFunc: func(_, now any) { poke(now) },
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		if all, err := nodes.Lister().List(labels.Everything()); err == nil {
			if err := reconcile(all, os.Getenv("NODE_NAME"), subnet); err != nil {
				log.Print(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(period):
		}
	}
}

func reconcile(nodes []*corev1.Node, self string, subnet *net.IPNet) error {
	var others []*corev1.Node
	for _, node := range nodes {
		if node.Name != self {
			others = append(others, node)
			continue
		}
		if err := writeConfiguration(podRanges(node)); err != nil {
			return err
		}
	}
	if err := masquerade(subnet); err != nil {
		return err
	}
	return route(others)
}

func podRanges(node *corev1.Node) []*net.IPNet {
	var ranges []*net.IPNet
	for _, text := range node.Spec.PodCIDRs {
		if _, parsed, err := net.ParseCIDR(text); err == nil {
			ranges = append(ranges, parsed)
		}
	}
	return ranges
}

func isV6(ip net.IP) bool { return ip.To4() == nil }

func address(node *corev1.Node, v6 bool) net.IP {
	for _, known := range node.Status.Addresses {
		if ip := net.ParseIP(known.Address); known.Type == corev1.NodeInternalIP && ip != nil && isV6(ip) == v6 {
			return ip
		}
	}
	return nil
}
