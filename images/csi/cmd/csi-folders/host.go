package main

import (
	"context"
	"errors"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// host is the driver as the kubelet of one node knows it.
type host struct {
	csi.UnimplementedNodeServer
	store store
	node  string
}

func (h host) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	here := &csi.Topology{Segments: map[string]string{topology: h.node}}
	return &csi.NodeGetInfoResponse{NodeId: h.node, AccessibleTopology: here}, nil
}

func (h host) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	rpc := &csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_EXPAND_VOLUME}
	grows := &csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{Rpc: rpc}}
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{grows}}, nil
}

func (h host) NodePublishVolume(
	_ context.Context, asked *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	if err := possible(asked.VolumeCapability); err != nil {
		return nil, err
	}
	if !plain(asked.VolumeId) || !there(h.store.data(asked.VolumeId)) {
		return nil, status.Errorf(codes.NotFound, "there is no volume %q on %s", asked.VolumeId, h.node)
	}
	if err := h.bind(h.store.data(asked.VolumeId), asked.TargetPath, asked.Readonly); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// bind shows a folder at another place, once however often it is asked to.
func (h host) bind(folder, target string, readonly bool) error {
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	if same(folder, target) {
		return nil
	}
	if err := unix.Mount(folder, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if readonly {
		return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	return nil
}

func same(one, other string) bool {
	first, err := os.Stat(one)
	second, wrong := os.Stat(other)
	return err == nil && wrong == nil && os.SameFile(first, second)
}

func (h host) NodeUnpublishVolume(
	_ context.Context, asked *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	err := unix.Unmount(asked.TargetPath, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return nil, status.Error(codes.Internal, err.Error())
	}
	// Remove, and not RemoveAll: were it mounted still, its files would go.
	if err := os.Remove(asked.TargetPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (h host) NodeExpandVolume(
	_ context.Context, asked *csi.NodeExpandVolumeRequest,
) (*csi.NodeExpandVolumeResponse, error) {
	if !plain(asked.VolumeId) || !there(h.store.data(asked.VolumeId)) {
		return nil, status.Errorf(codes.NotFound, "there is no volume %q on %s", asked.VolumeId, h.node)
	}
	bytes := asked.CapacityRange.GetRequiredBytes()
	if err := h.store.resize(asked.VolumeId, bytes); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: bytes}, nil
}
