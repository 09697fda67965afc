package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Certificate is what a TLS server showed; nobody's trust in it was asked for.
type Certificate struct {
	Subject  string    `json:"subject"`
	Names    []string  `json:"names"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"`
}

const (
	silent = "the connection opened, and no answer came in time"
	began  = "an answer began, and did not end in time"

	// slowest is how many time-outs an answer may take once it has begun; then what came of it counts.
	slowest = 3

	// Of an answer's headers, so many are told, each so long, and they may not be longer than this together.
	mostHeaders, longestHeader, longestHead = 20, 200, 1 << 20
)

// web sends one request on a connection of its own and follows no redirection.
func web(q Question) Answer {
	connection, answer := dial(q)
	if connection == nil {
		return answer
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(seconds(q.Timeout)))
	if q.TLS {
		secured := tls.Client(connection, &tls.Config{ServerName: cmp.Or(q.ServerName, q.Host), InsecureSkipVerify: true})
		if err := secured.Handshake(); err != nil {
			answer.shakenOff(err)
			return answer
		}
		answer.Certificate = shown(secured.ConnectionState())
		connection = secured
	}
	request, err := requested(q)
	if err != nil {
		return Answer{Verdict: "inconclusive", Detail: err.Error()}
	}
	connection.SetDeadline(time.Now().Add(seconds(q.Timeout)))
	if err := request.Write(connection); err != nil {
		answer.broken(err, silent)
		return answer
	}
	said := bufio.NewReader(io.LimitReader(connection, longestHead+2*q.Limit))
	if _, err := said.Peek(1); err != nil {
		answer.broken(err, silent)
		return answer
	}
	connection.SetDeadline(time.Now().Add(seconds(slowest * q.Timeout)))
	response, err := http.ReadResponse(said, request)
	for err == nil && response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(said, request)
	}
	if err != nil {
		answer.broken(err, began)
		return answer
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, q.Limit)) // a part of a page is an answer, too
	if isTimeout(err) {
		answer.Detail = "the body did not end in time"
	}
	answer.Verdict, answer.Status = "http", response.StatusCode
	answer.Body, answer.Headers = strings.ToValidUTF8(string(body), "\uFFFD"), fewOf(response.Header)
	return answer
}

func requested(q Question) (*http.Request, error) {
	request, err := http.NewRequest(q.Method, "http://host"+q.Path, strings.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	request.Host = net.JoinHostPort(q.Host, fmt.Sprint(q.Port))
	if usual := map[bool]int{false: 80, true: 443}[q.TLS]; q.Port == usual {
		request.Host = strings.TrimSuffix(request.Host, fmt.Sprint(":", usual))
	}
	request.Header.Set("User-Agent", "labgrade")
	request.Close = true
	for name, value := range q.Headers {
		request.Header.Set(name, value)
		if strings.EqualFold(name, "host") {
			request.Host = value
		}
	}
	return request, nil
}

// broken notes what went wrong after the connection had opened: nothing was dropped on the way there. `late` is what
// a time-out means.
func (a *Answer) broken(err error, late string) {
	a.Verdict = "connected"
	var alert tls.AlertError
	switch {
	case isTimeout(err):
		a.Detail, a.silence = late, late == silent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && late == silent, failed(err).Verdict == "reset":
		a.Verdict, a.Detail = "reset", err.Error()
	case errors.As(err, &alert):
		a.Detail = "TLS: " + err.Error()
	default:
		a.Detail = "not HTTP: " + err.Error()
	}
}

// shakenOff notes why there is no TLS. A server that does not speak it hangs up in one way or another, which is its
// answer to what it could not read.
func (a *Answer) shakenOff(err error) {
	a.broken(err, silent)
	if !a.silence {
		a.Verdict, a.Detail = "connected", "TLS: "+err.Error()
	}
}

func isTimeout(err error) bool {
	timeout := net.Error(nil)
	return errors.As(err, &timeout) && timeout.Timeout()
}

func shown(state tls.ConnectionState) *Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	names := append([]string{}, leaf.DNSNames...)
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	slices.Sort(names)
	sum := sha256.Sum256(leaf.Raw)
	return &Certificate{leaf.Subject.String(), names, leaf.Issuer.String(), leaf.NotAfter, hex.EncodeToString(sum[:])}
}

func fewOf(headers http.Header) map[string]string {
	found := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if value := strings.Join(headers[name], ", "); len(found) < mostHeaders {
			found[strings.ToLower(name)] = value[:min(len(value), longestHeader)]
		}
	}
	return found
}
