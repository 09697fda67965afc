// Command probe tries connections, many at once, and says what came of each.
//
//	probe ask NONCE JSON...   questions, as one JSON list in any number of words; an answer a line, last the nonce
//	probe listen PORT[/udp]...   serves what other probes ask for; without a port it idles
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(2)
	}
}

func run(words []string) error {
	switch {
	case len(words) >= 3 && words[0] == "ask":
		var questions []json.RawMessage
		if err := json.Unmarshal([]byte(strings.Join(words[2:], "")), &questions); err != nil {
			return fmt.Errorf("the questions are no JSON list: %w", err)
		}
		return askAll(questions, words[1])
	case len(words) >= 1 && words[0] == "listen":
		return listen(words[1:])
	}
	return fmt.Errorf("usage: probe ask NONCE JSON... | probe listen [PORT[/udp]...]")
}
