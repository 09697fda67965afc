package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// store is what lies on this node: a folder for each volume, with its size beside its data, and one for each snapshot.
type store struct{ root string }

func (s store) prepare() error {
	return errors.Join(os.MkdirAll(s.volumes(), 0o755), os.MkdirAll(s.snapshots(), 0o755))
}

func (s store) volumes() string           { return filepath.Join(s.root, "volumes") }
func (s store) snapshots() string         { return filepath.Join(s.root, "snapshots") }
func (s store) volume(id string) string   { return filepath.Join(s.volumes(), id) }
func (s store) data(id string) string     { return filepath.Join(s.volume(id), "data") }
func (s store) snapshot(id string) string { return filepath.Join(s.snapshots(), id) }

// plain is whether an id names one folder, and nothing else anywhere.
func plain(id string) bool {
	return id != "" && id != "." && id != ".." && !strings.ContainsAny(id, "/\x00")
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// make makes a volume, filled from a snapshot's folder unless that is empty; one that is there stays as it is.
func (s store) make(id string, bytes int64, from string) error {
	if there(s.data(id)) {
		return nil
	}
	half := s.volume(id) + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.MkdirAll(half, 0o755); err != nil {
		return err
	}
	data := filepath.Join(half, "data")
	if err := copied(from, data); err != nil {
		return err
	}
	// Whoever runs in the Pod may write.
	if err := os.Chmod(data, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(half, "size"), []byte(strconv.FormatInt(bytes, 10)), 0o644); err != nil {
		return err
	}
	return os.Rename(half, s.volume(id))
}

func (s store) resize(id string, bytes int64) error {
	return os.WriteFile(filepath.Join(s.volume(id), "size"), []byte(strconv.FormatInt(bytes, 10)), 0o644)
}

func (s store) size(id string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(s.volume(id), "size"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// keep makes a snapshot of a volume; one that is there stays as it is.
func (s store) keep(id, volume string) error {
	if there(s.snapshot(id)) {
		return nil
	}
	half := s.snapshot(id) + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := copied(s.data(volume), half); err != nil {
		return err
	}
	return os.Rename(half, s.snapshot(id))
}

// copied makes a folder with all that is in another one, or empty where that has no name.
func copied(from, into string) error {
	if from == "" {
		return os.Mkdir(into, 0o777)
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return copyOne(path, filepath.Join(into, below), info)
	})
}

func copyOne(path, into string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return os.Mkdir(into, info.Mode().Perm())
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(target, into)
	case !info.Mode().IsRegular():
		return nil // sockets and the like are nobody's data
	}
	source, err := os.Open(path)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(into, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
