package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var recordTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "CNAME": dnsmessage.TypeCNAME, "SRV": dnsmessage.TypeSRV,
}

var codes = map[dnsmessage.RCode]string{1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}

// aliases is how far aliases of aliases are followed.
const aliases = 8

var (
	errUnreadable = errors.New("the DNS server's answer cannot be read")
	errBadName    = errors.New("is not a domain name")
)

// dns asks for a name's records, with the search domains, in the order in which a C library would. The server is asked
// by address, so its silence is that of the network.
func dns(q Question) Answer {
	settings, err := resolver(q)
	if err != nil {
		return Answer{Verdict: "inconclusive", Detail: err.Error()}
	}
	detail := "no such name"
	for _, name := range settings.names(q.Host) {
		found, chain, code, err := follow(settings.server, name, q)
		if err != nil {
			return unanswered(err)
		}
		if len(found) > 0 {
			slices.Sort(found)
			return Answer{Verdict: "connected", Addresses: slices.Compact(found), Detail: strings.Join(chain, " → ")}
		}
		switch {
		case code == dnsmessage.RCodeSuccess:
			detail = strings.Join(append(chain[1:], "no such record"), ": ")
		case code != dnsmessage.RCodeNameError:
			said, known := codes[code]
			if !known {
				said = fmt.Sprint("with code ", uint16(code))
			}
			return Answer{Verdict: "unresolved", Detail: "the DNS server answered " + said}
		case len(chain) > 1:
			detail = strings.Join(append(chain[1:], "no such name"), ": ")
		}
	}
	return Answer{Verdict: "unresolved", Detail: detail}
}

func unanswered(err error) Answer {
	if errors.Is(err, errUnreadable) {
		return Answer{Verdict: "unresolved", Detail: err.Error()}
	}
	answer := failed(err)
	if answer.Verdict == "dropped" {
		answer.Detail = "the DNS server did not answer"
	}
	return answer
}

// follow asks for a name, and for what it is an alias of; the chain of names begins with the name itself.
func follow(server, name string, q Question) ([]string, []string, dnsmessage.RCode, error) {
	chain, kind := []string{name}, recordTypes[q.Type]
	for len(chain) <= aliases {
		reply, err := query(server, chain[len(chain)-1], kind, seconds(q.Timeout))
		if err != nil {
			return nil, chain, 0, err
		}
		known := len(chain)
		found, chained := values(reply.Answers, kind, chain)
		if chain = chained; len(found) > 0 || reply.RCode != dnsmessage.RCodeSuccess || len(chain) == known {
			return found, chain, reply.RCode, nil
		}
	}
	return nil, chain, dnsmessage.RCodeSuccess, nil
}

type resolving struct {
	server string
	search []string
	ndots  int
}

func (r resolving) names(host string) []string {
	bare := strings.TrimSuffix(host, ".")
	if bare != host {
		return []string{bare}
	}
	var longer []string
	for _, domain := range r.search {
		longer = append(longer, bare+"."+domain)
	}
	if strings.Count(bare, ".") >= r.ndots {
		return append([]string{bare}, longer...)
	}
	return append(longer, bare)
}

// resolver reads /etc/resolv.conf; the question may have another server, as ADDRESS or ADDRESS:PORT, and other
// search domains.
func resolver(q Question) (resolving, error) {
	found := resolving{ndots: 1}
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && q.Server == "" {
		return found, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "nameserver" && found.server == "":
			found.server = words[1]
		case words[0] == "search":
			found.search = words[1:]
		case words[0] == "options":
			for _, option := range words[1:] {
				if dots, ok := strings.CutPrefix(option, "ndots:"); ok {
					found.ndots, _ = strconv.Atoi(dots)
				}
			}
		}
	}
	if q.Search != nil {
		found.search, found.ndots = *q.Search, q.Ndots
	}
	if found.server = withPort(cmp.Or(q.Server, found.server)); found.server == "" {
		return found, errors.New("/etc/resolv.conf names no DNS server")
	}
	return found, nil
}

func withPort(server string) string {
	if _, err := netip.ParseAddr(server); err == nil {
		return net.JoinHostPort(server, "53")
	}
	return server
}

// query asks one server for one name once.
func query(server, name string, kind dnsmessage.Type, timeout time.Duration) (*dnsmessage.Message, error) {
	asked, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, fmt.Errorf("%q %w", name, errBadName)
	}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: asked, Type: kind, Class: dnsmessage.ClassINET}},
	}
	packet, err := message.Pack()
	if err != nil {
		return nil, fmt.Errorf("%q %w", name, errBadName)
	}
	reply, err := exchange("udp", server, packet, timeout)
	if err == nil && reply.Truncated {
		reply, err = exchange("tcp", server, packet, timeout)
	}
	return reply, err
}

func exchange(network, server string, packet []byte, timeout time.Duration) (*dnsmessage.Message, error) {
	connection, err := net.DialTimeout(network, server, timeout)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(timeout))
	id, sent := binary.BigEndian.Uint16(packet), packet
	if network == "tcp" {
		sent = append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	}
	if _, err := connection.Write(sent); err != nil {
		return nil, err
	}
	for {
		said, err := receive(network, connection)
		if err != nil {
			return nil, err
		}
		if len(said) < 2 || binary.BigEndian.Uint16(said) != id {
			continue
		}
		reply := &dnsmessage.Message{}
		if err := reply.Unpack(said); err != nil {
			return nil, errUnreadable
		}
		return reply, nil
	}
}

func receive(network string, from io.Reader) ([]byte, error) {
	said := make([]byte, 65535)
	if network == "udp" {
		count, err := from.Read(said)
		return said[:count], err
	}
	if _, err := io.ReadFull(from, said[:2]); err != nil {
		return nil, err
	}
	said = said[:binary.BigEndian.Uint16(said)]
	_, err := io.ReadFull(from, said)
	return said, err
}

// values gives the records of a type; the aliases that lead there join the chain.
func values(records []dnsmessage.Resource, kind dnsmessage.Type, chain []string) ([]string, []string) {
	var found []string
	targets := map[string]string{}
	for _, record := range records {
		if alias, is := record.Body.(*dnsmessage.CNAMEResource); is {
			targets[bare(record.Header.Name)] = bare(alias.CNAME)
		}
		if record.Header.Type == kind {
			found = append(found, value(record.Body))
		}
	}
	for kind != dnsmessage.TypeCNAME && len(chain) <= aliases {
		target, is := targets[strings.ToLower(chain[len(chain)-1])]
		if !is {
			break
		}
		chain = append(chain, target)
	}
	return found, chain
}

func value(body dnsmessage.ResourceBody) string {
	switch body := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(body.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(body.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return bare(body.CNAME)
	case *dnsmessage.SRVResource:
		return fmt.Sprintf("%s:%d", bare(body.Target), body.Port)
	}
	return ""
}

func bare(name dnsmessage.Name) string {
	return strings.ToLower(strings.TrimSuffix(name.String(), "."))
}
