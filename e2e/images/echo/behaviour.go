package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// behaviour is what a request asks for, each item by a header (Echo-Delay: 2s) or a query parameter (?echo-delay=2s).
type behaviour struct {
	delay    time.Duration // before the first byte of the answer
	status   int
	reset    bool // cut the connection (HTTP/2: the stream) instead of answering
	chunks   int  // this many pieces instead of JSON, without a Content-Length
	interval time.Duration
	size     int      // bytes of the body, or of each piece
	headers  []string // "Name: value", to be sent back
}

func askedFor(r *http.Request) (behaviour, error) {
	asked := behaviour{status: http.StatusOK, headers: all(r, "Header")}
	read := []struct {
		name string
		into func(string) error
	}{
		{"Delay", duration(&asked.delay)},
		{"Interval", duration(&asked.interval)},
		{"Status", number(&asked.status, 200, 599)},
		{"Chunks", number(&asked.chunks, 1, 1_000_000)},
		{"Size", number(&asked.size, 1, 1<<30)},
	}
	for _, item := range read {
		if values := all(r, item.name); len(values) > 0 {
			if err := item.into(values[0]); err != nil {
				return asked, fmt.Errorf("Echo-%s: %w", item.name, err)
			}
		}
	}
	asked.reset = len(all(r, "Reset")) > 0
	return asked, nil
}

func all(r *http.Request, name string) []string {
	query := r.URL.Query()["echo-"+string(name[0]|0x20)+name[1:]]
	return append(r.Header.Values("Echo-"+name), query...)
}

func duration(into *time.Duration) func(string) error {
	return func(text string) (err error) {
		*into, err = time.ParseDuration(text)
		return err
	}
}

func number(into *int, least, most int) func(string) error {
	return func(text string) error {
		value, err := strconv.Atoi(text)
		if err != nil || value < least || value > most {
			return fmt.Errorf("%q is not a number from %d to %d", text, least, most)
		}
		*into = value
		return nil
	}
}
