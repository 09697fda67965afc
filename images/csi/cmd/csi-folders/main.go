// Command csi-folders is a CSI driver whose volumes are folders on the node where they are made: everything that a
// driver has to answer, and nothing that needs a disk. It makes itself known to its kubelet.
//
// A storage class may ask for faults by its parameters: `growth: refused`, `restoring: forgets`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// name is what classes call it by, and topology the label of its nodes.
const (
	name     = "folders.labgrade"
	topology = name + "/node"
)

func main() {
	node := flag.String("node", "", "name of the node that it runs on")
	root := flag.String("root", "/var/lib/csi-folders", "where its volumes and snapshots lie")
	kubelet := flag.String("kubelet", "/var/lib/kubelet", "the kubelet's folder")
	flag.Parse()
	if *node == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: csi-folders --node NAME [--root FOLDER] [--kubelet FOLDER]")
		os.Exit(2)
	}
	if err := serve(*node, *root, *kubelet); err != nil {
		fmt.Fprintln(os.Stderr, "csi-folders:", err)
		os.Exit(1)
	}
}

// serve answers on two sockets until it is told to end: the driver's own, and the one where the kubelet finds it.
func serve(node, root, kubelet string) error {
	folders := store{root: root}
	if err := folders.prepare(); err != nil {
		return err
	}
	own := filepath.Join(kubelet, "plugins", name, "csi.sock")
	driver, known := grpc.NewServer(), grpc.NewServer()
	csi.RegisterIdentityServer(driver, identity{})
	csi.RegisterControllerServer(driver, controller{store: folders, node: node})
	csi.RegisterNodeServer(driver, host{store: folders, node: node})
	registration.RegisterRegistrationServer(known, registrar{endpoint: own})

	failed := make(chan error, 2)
	for path, server := range map[string]*grpc.Server{
		own: driver,
		filepath.Join(kubelet, "plugins_registry", name+"-reg.sock"): known,
	} {
		listener, err := listen(path)
		if err != nil {
			return err
		}
		go func() { failed <- server.Serve(listener) }()
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		return err
	case <-ended:
		known.Stop() // first, so that the kubelet forgets it before it is gone
		driver.Stop()
		return nil
	}
}

func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}
