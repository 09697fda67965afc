package main

import (
	"context"
	"os"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// stiff ends the ids of volumes that do not grow: whoever is asked to have one grow may be on another node.
const stiff = ".stiff"

// smallest is the size in bytes of volumes of which nobody says how large they are to be.
const smallest = 1 << 20

type controller struct {
	csi.UnimplementedControllerServer
	store store
	node  string
}

func (c controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	var all []*csi.ControllerServiceCapability
	for _, each := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: each}
		all = append(all, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}})
	}
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: all}, nil
}

func (c controller) CreateVolume(_ context.Context, asked *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	id := asked.Name
	if !plain(id) {
		return nil, status.Errorf(codes.InvalidArgument, "%q is no name for a volume", id)
	}
	for _, each := range asked.VolumeCapabilities {
		if err := possible(each); err != nil {
			return nil, err
		}
	}
	if asked.Parameters["growth"] == "refused" {
		id += stiff
	}
	from, err := c.source(asked)
	if err != nil {
		return nil, err
	}
	bytes := max(asked.CapacityRange.GetRequiredBytes(), smallest)
	if err := c.store.make(id, bytes, from); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	here := []*csi.Topology{{Segments: map[string]string{topology: c.node}}}
	made := &csi.Volume{
		VolumeId:           id,
		CapacityBytes:      bytes,
		ContentSource:      asked.VolumeContentSource,
		AccessibleTopology: here,
	}
	return &csi.CreateVolumeResponse{Volume: made}, nil
}

// source is the folder that a volume is to be filled from, empty for none.
func (c controller) source(asked *csi.CreateVolumeRequest) (string, error) {
	if asked.VolumeContentSource == nil {
		return "", nil
	}
	snapshot := asked.VolumeContentSource.GetSnapshot().GetSnapshotId()
	if !plain(snapshot) || !there(c.store.snapshot(snapshot)) {
		return "", status.Errorf(codes.NotFound, "there is no snapshot %q on %s", snapshot, c.node)
	}
	if asked.Parameters["restoring"] == "forgets" {
		return "", nil
	}
	return c.store.snapshot(snapshot), nil
}

// possible is whether a folder can be used in that way.
func possible(way *csi.VolumeCapability) error {
	if way.GetMount() == nil {
		return status.Error(codes.InvalidArgument, "a folder is no block device")
	}
	if flags := way.GetMount().MountFlags; len(flags) > 0 {
		return status.Errorf(codes.InvalidArgument, "a folder has no mount option %q", strings.Join(flags, ","))
	}
	return nil
}

func (c controller) DeleteVolume(_ context.Context, asked *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if !plain(asked.VolumeId) {
		return nil, status.Errorf(codes.InvalidArgument, "%q is no volume", asked.VolumeId)
	}
	if err := os.RemoveAll(c.store.volume(asked.VolumeId)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c controller) ValidateVolumeCapabilities(
	_ context.Context, asked *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	for _, each := range asked.VolumeCapabilities {
		if err := possible(each); err != nil {
			return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
		}
	}
	confirmed := &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: asked.VolumeCapabilities}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}, nil
}

// ControllerExpandVolume leaves it to the node that has the volume.
func (c controller) ControllerExpandVolume(
	_ context.Context, asked *csi.ControllerExpandVolumeRequest,
) (*csi.ControllerExpandVolumeResponse, error) {
	if strings.HasSuffix(asked.VolumeId, stiff) {
		return nil, status.Error(codes.OutOfRange, "volumes of this class do not grow")
	}
	bytes := asked.CapacityRange.GetRequiredBytes()
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: bytes, NodeExpansionRequired: true}, nil
}

func (c controller) CreateSnapshot(
	_ context.Context, asked *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	volume := asked.SourceVolumeId
	if !plain(asked.Name) || !plain(volume) || !there(c.store.data(volume)) {
		return nil, status.Errorf(codes.NotFound, "there is no volume %q on %s", volume, c.node)
	}
	bytes, err := c.store.size(volume)
	if err == nil {
		err = c.store.keep(asked.Name, volume)
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	made := &csi.Snapshot{
		SnapshotId:     asked.Name,
		SourceVolumeId: volume,
		SizeBytes:      bytes,
		CreationTime:   timestamppb.Now(),
		ReadyToUse:     true,
	}
	return &csi.CreateSnapshotResponse{Snapshot: made}, nil
}

func (c controller) DeleteSnapshot(
	_ context.Context, asked *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	if !plain(asked.SnapshotId) {
		return nil, status.Errorf(codes.InvalidArgument, "%q is no snapshot", asked.SnapshotId)
	}
	if err := os.RemoveAll(c.store.snapshot(asked.SnapshotId)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteSnapshotResponse{}, nil
}
