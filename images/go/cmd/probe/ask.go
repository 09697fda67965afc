package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Question is one thing to try. Times are in seconds.
type Question struct {
	Kind       string            `json:"kind"`
	Host       string            `json:"host"`
	Port       int               `json:"port"`
	Timeout    float64           `json:"timeout"`
	Attempts   int               `json:"attempts"`
	Stagger    float64           `json:"stagger"`
	Payload    string            `json:"payload"`
	Type       string            `json:"type"`
	Server     string            `json:"server"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
	Limit      int64             `json:"limit"`
	TLS        bool              `json:"tls"`
	ServerName string            `json:"server_name"`
	// In the place of what /etc/resolv.conf says.
	Search *[]string `json:"search"`
	Ndots  int       `json:"ndots"`
}

// Answer is what came of a question.
type Answer struct {
	Index       int               `json:"index"`
	Verdict     string            `json:"verdict"`
	Seconds     float64           `json:"seconds"`
	Attempts    int               `json:"attempts"`
	Detail      string            `json:"detail,omitempty"`
	Status      int               `json:"status,omitempty"`
	Body        string            `json:"body,omitempty"`
	Addresses   []string          `json:"addresses,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Certificate *Certificate      `json:"certificate,omitempty"`

	// Nobody said anything: not the name server, or nothing came after the connection had opened.
	silence bool
}

// atOnce is how many attempts are under way at the same time; the others' time has not begun.
const atOnce = 512

// A server's queue is short, and what finds no place in it meets silence: so questions to one and the same port do not
// come all at the same instant, and no more than a few are under way while they are answered.
const pace, few = 2 * time.Millisecond, 5

// lane is the way to one port.
type lane struct {
	asked int
	slots chan struct{}
	// wide is closed when an answer was silence: waiting for each other would only take longer.
	wide  chan struct{}
	widen func()
}

func newLane() *lane {
	wide := make(chan struct{})
	return &lane{slots: make(chan struct{}, few), wide: wide, widen: sync.OnceFunc(func() { close(wide) })}
}

func (l *lane) ask(q Question, turn int, slots chan struct{}) Answer {
	time.Sleep(time.Duration(turn) * pace)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-l.wide:
	}
	answer := ask(q, slots)
	if answer.Verdict == "dropped" {
		l.widen()
	}
	return answer
}

var kinds = map[string]func(Question) Answer{"tcp": tcp, "udp": udp, "dns": dns, "http": web}

// askAll tries everything at once and prints each answer as it comes; a bad question has one, too.
func askAll(questions []json.RawMessage, nonce string) error {
	raiseFileLimit()
	var printing sync.Mutex
	var all sync.WaitGroup
	slots, lanes := make(chan struct{}, atOnce), map[string]*lane{}
	for index, raw := range questions {
		question, wrong := read(raw)
		target := fmt.Sprint(question.Host, " ", question.Port)
		if lanes[target] == nil {
			lanes[target] = newLane()
		}
		way, turn := lanes[target], lanes[target].asked
		way.asked++
		all.Go(func() {
			answer := Answer{Verdict: "inconclusive", Detail: wrong}
			if wrong == "" {
				answer = way.ask(question, turn, slots)
			}
			answer.Index = index
			line, err := json.Marshal(answer)
			if err != nil {
				line = fmt.Appendf(nil, `{"index":%d,"verdict":"inconclusive","seconds":0,"detail":%q}`, index, err)
			}
			printing.Lock()
			defer printing.Unlock()
			os.Stdout.Write(append(line, '\n'))
		})
	}
	all.Wait()
	_, err := fmt.Printf("%s %d\n", nonce, len(questions))
	return err
}

// read gives a question with all that it leaves out, and what is wrong with it, if anything.
func read(raw json.RawMessage) (Question, string) {
	q := Question{Timeout: 1, Attempts: 2, Stagger: 0.5, Payload: "labgrade", Type: "A", Method: "GET", Path: "/", Ndots: 1}
	if err := json.Unmarshal(raw, &q); err != nil {
		return q, "not a question: " + err.Error()
	}
	if q.Limit <= 0 {
		q.Limit = 65536
	}
	return q, complaint(q)
}

// ask believes silence only when every attempt met it. Attempts overlap: the next one begins while the one before
// still waits, so that a moment's trouble spoils one of them, and all together take little longer than one.
func ask(q Question, slots chan struct{}) Answer {
	slots <- struct{}{}
	defer func() { <-slots }()
	began := time.Now()
	answers := make(chan Answer, q.Attempts)
	try := func() { answers <- tried(q) }
	go try()
	started, worst := 1, Answer{}
	next := time.NewTimer(seconds(q.Stagger))
	defer next.Stop()
	for finished := 0; ; {
		select {
		case answer := <-answers:
			finished++
			if finished == 1 || rank(answer) > rank(worst) {
				worst = answer
			}
			if rank(answer) == definite || (finished == started && started == q.Attempts) {
				worst.Attempts, worst.Seconds = started, math.Round(time.Since(began).Seconds()*1e3)/1e3
				return worst
			}
		case <-next.C:
			if started < q.Attempts {
				started++
				go try()
				next.Reset(seconds(q.Stagger))
			}
		}
	}
}

// tried is one attempt; whatever breaks in it spoils no other question.
func tried(q Question) (answer Answer) {
	defer func() {
		if broken := recover(); broken != nil {
			answer = Answer{Verdict: "inconclusive", Detail: fmt.Sprint("the probe failed: ", broken)}
		}
	}()
	return kinds[q.Kind](q)
}

const definite = 4

// rank orders answers by how much they tell: what is definite ends the asking, and "dropped" is what all attempts met.
func rank(a Answer) int {
	switch {
	case a.Verdict == "dropped":
		return 0
	case a.Verdict == "unresolved" && a.silence:
		return 1
	case a.Verdict == "inconclusive":
		return 2
	case a.silence:
		return 3
	}
	return definite
}

func complaint(q Question) string {
	switch {
	case kinds[q.Kind] == nil:
		return fmt.Sprintf("unknown kind %q: there are dns, http, tcp, udp", q.Kind)
	case q.Host == "" || !plain(q.Host):
		return fmt.Sprintf("%q is no host", q.Host)
	case q.Kind != "dns" && (q.Port < 1 || q.Port > 65535):
		return fmt.Sprintf("port %d is not between 1 and 65535", q.Port)
	case q.Timeout <= 0 || q.Attempts < 1 || q.Stagger < 0:
		return fmt.Sprintf("timeout %v, attempts %d, stagger %v: too little", q.Timeout, q.Attempts, q.Stagger)
	case q.Kind == "dns" && recordTypes[q.Type] == 0:
		return fmt.Sprintf("unknown record type %q: there are A, AAAA, CNAME, SRV", q.Type)
	case q.Kind == "http" && !(plain(q.Method) && plain(q.Path) && strings.HasPrefix(q.Path, "/")):
		return fmt.Sprintf("%q cannot be asked for", q.Method+" "+q.Path)
	}
	for name, value := range q.Headers {
		if !plain(name) || strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Sprintf("header %q cannot be sent", name)
		}
	}
	return ""
}

// plain says whether words fit on the first line of a request.
func plain(words string) bool {
	return !strings.ContainsFunc(words, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// failed is the answer that an error of the operating system means.
func failed(err error) Answer {
	verdict := "inconclusive"
	switch code, timeout := errno(err), net.Error(nil); {
	case asNetError(err, &timeout) && timeout.Timeout(), code == syscall.ETIMEDOUT:
		verdict = "dropped"
	case code == syscall.ECONNREFUSED:
		verdict = "refused"
	case code == syscall.ECONNRESET || code == syscall.EPIPE || code == syscall.ECONNABORTED:
		verdict = "reset"
	case code == syscall.EHOSTUNREACH || code == syscall.ENETUNREACH || code == syscall.EACCES || code == syscall.EPERM:
		verdict = "unreachable"
	}
	return Answer{Verdict: verdict, Detail: err.Error()}
}

// addresses turns a question's host into addresses, one at least; where a name has none, the answer says so.
func addresses(q Question) ([]netip.AddrPort, Answer) {
	if literal, err := netip.ParseAddr(q.Host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(literal.Unmap(), uint16(q.Port))}, Answer{}
	}
	// Unlike a question about DNS, one about a name is answered as any program in the Pod would find it.
	patience, done := context.WithTimeout(context.Background(), seconds(q.Timeout))
	defer done()
	resolver := &net.Resolver{PreferGo: true}
	if q.Server != "" {
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, withPort(q.Server))
		}
	}
	found, err := resolver.LookupNetIP(patience, "ip", q.Host)
	if err != nil || len(found) == 0 {
		return nil, unresolved(q, err)
	}
	var all []netip.AddrPort
	var words []string
	for _, each := range found {
		all = append(all, netip.AddrPortFrom(each.Unmap(), uint16(q.Port)))
		words = append(words, each.Unmap().String())
	}
	slices.Sort(words)
	return all, Answer{Addresses: slices.Compact(words)}
}

func unresolved(q Question, err error) Answer {
	found := Answer{Verdict: "unresolved", Detail: "no such name: " + q.Host}
	var said *net.DNSError
	switch {
	case !errors.As(err, &said) || said.IsNotFound:
	case said.IsTimeout:
		settings, _ := resolver(q)
		asked := q.Server
		if asked == "" {
			asked = strings.TrimSuffix(settings.server, ":53")
		}
		found.Detail, found.silence = "the DNS server ("+asked+") did not answer", true
	default:
		found.Detail = said.Error()
	}
	return found
}

func seconds(amount float64) time.Duration { return time.Duration(amount * float64(time.Second)) }

func raiseFileLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}
