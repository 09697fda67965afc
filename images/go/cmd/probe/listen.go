package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// listen serves until it is told to end: HTTP with this Pod's name over TCP, an echo over UDP.
func listen(ports []string) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	failures := make(chan error, len(ports))
	for _, port := range ports {
		if number, err := strconv.Atoi(strings.TrimSuffix(port, "/udp")); err != nil || number < 1 || number > 65535 {
			return fmt.Errorf("%s is no port: 8080, or 8080/udp", port)
		}
	}
	for _, port := range ports {
		if number, isUDP := strings.CutSuffix(port, "/udp"); isUDP {
			go func() { failures <- echo(":" + number) }()
		} else {
			go func() { failures <- page(":" + port) }()
		}
	}
	select {
	case err := <-failures:
		return err
	case <-ended:
		return nil
	}
}

func page(address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	serve := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(serve), ReadTimeout: 10 * time.Second}
	server.SetKeepAlivesEnabled(false)
	return server.ListenAndServe()
}

func echo(address string) error {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	said := make([]byte, 65536)
	for {
		count, from, err := socket.ReadFrom(said)
		if err != nil {
			return err
		}
		if _, err := socket.WriteTo(said[:count], from); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
		}
	}
}
