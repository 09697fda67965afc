package main

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// connector opens connections in one loop over all sockets. A socket is looked at before its time is up is believed:
// on a busy machine, a connection that was accepted in time is never taken for a dropped one.
type connector struct {
	turn    sync.Mutex
	waiting []*opening
	wake    [2]int
}

type opening struct {
	socket   int
	deadline time.Time
	result   chan error
}

var connections = sync.OnceValues(func() (*connector, error) {
	c := &connector{}
	if err := unix.Pipe2(c.wake[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	go c.loop()
	return c, nil
})

// open connects; the caller closes what it gets.
func open(to netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	c, err := connections()
	if err != nil {
		return nil, err
	}
	family, where := sockaddr(to)
	socket, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(socket), to.String())
	defer file.Close()
	if err := unix.Connect(socket, where); err != nil {
		if to.Addr().Is6() && errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil, unix.ENETUNREACH // nothing here has an address of that kind
		}
		if !errors.Is(err, unix.EINPROGRESS) {
			return nil, err
		}
		if err := c.wait(socket, timeout); err != nil {
			return nil, err
		}
	}
	return net.FileConn(file)
}

func (c *connector) wait(socket int, timeout time.Duration) error {
	opening := &opening{socket, time.Now().Add(timeout), make(chan error, 1)}
	c.turn.Lock()
	c.waiting = append(c.waiting, opening)
	c.turn.Unlock()
	unix.Write(c.wake[1], []byte{0})
	return <-opening.result
}

func (c *connector) loop() {
	for {
		c.turn.Lock()
		waiting := append([]*opening(nil), c.waiting...)
		c.turn.Unlock()
		polled := []unix.PollFd{{Fd: int32(c.wake[0]), Events: unix.POLLIN}}
		rest := time.Hour
		for _, each := range waiting {
			polled = append(polled, unix.PollFd{Fd: int32(each.socket), Events: unix.POLLOUT})
			rest = min(rest, time.Until(each.deadline))
		}
		// Rounded up: a poll that ends too early would only have to be repeated.
		_, err := unix.Poll(polled, max(0, int((rest+time.Millisecond-1)/time.Millisecond)))
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(err)
		}
		if polled[0].Revents != 0 {
			unix.Read(c.wake[0], make([]byte, 4096))
		}
		now, done := time.Now(), map[*opening]bool{}
		for index, each := range waiting {
			if polled[index+1].Revents != 0 {
				done[each] = true
				each.result <- opened(each.socket)
			} else if err == nil && now.After(each.deadline) && !ready(each.socket) {
				done[each] = true
				each.result <- os.ErrDeadlineExceeded
			}
		}
		c.forget(done)
	}
}

func (c *connector) forget(done map[*opening]bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	left := c.waiting[:0:0]
	for _, each := range c.waiting {
		if !done[each] {
			left = append(left, each)
		}
	}
	c.waiting = left
}

// ready looks once more: between the poll and the clock, the process may have been kept from running.
func ready(socket int) bool {
	polled := []unix.PollFd{{Fd: int32(socket), Events: unix.POLLOUT}}
	count, err := unix.Poll(polled, 0)
	return err == nil && count > 0
}

func opened(socket int) error {
	code, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return syscall.Errno(code)
	}
	return nil
}

func sockaddr(to netip.AddrPort) (int, unix.Sockaddr) {
	if to.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

func errno(err error) syscall.Errno {
	var code syscall.Errno
	errors.As(err, &code)
	return code
}

func asNetError(err error, found *net.Error) bool { return errors.As(err, found) }

// dial opens a connection to the first address that does not turn it away; else the answer says what came of it.
func dial(q Question) (net.Conn, Answer) {
	all, answer := addresses(q)
	named := answer.Addresses
	for _, to := range all {
		connection, err := open(to, seconds(q.Timeout))
		if err == nil {
			return connection, Answer{Addresses: named}
		}
		answer = failed(err)
		answer.Addresses = named
		if answer.Verdict != "refused" && answer.Verdict != "unreachable" {
			break
		}
	}
	return nil, answer
}

// tcp opens a connection.
func tcp(q Question) Answer {
	connection, answer := dial(q)
	if connection != nil {
		connection.Close()
		answer.Verdict = "connected"
	}
	return answer
}

// udp sends a datagram and waits for another one.
func udp(q Question) Answer {
	all, answer := addresses(q)
	if len(all) == 0 {
		return answer
	}
	said, err := datagram(all[0], q)
	if err != nil {
		silence := failed(err)
		silence.Addresses = answer.Addresses
		return silence
	}
	answer.Verdict, answer.Detail = "connected", string(said[:min(len(said), 80)])
	return answer
}

func datagram(to netip.AddrPort, q Question) ([]byte, error) {
	connection, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(seconds(q.Timeout)))
	if _, err := connection.Write([]byte(q.Payload)); err != nil {
		return nil, err
	}
	said := make([]byte, 65536)
	count, err := connection.Read(said)
	return said[:count], err
}
