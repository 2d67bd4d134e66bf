package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// newHandler serves everything on one port. ending is done when open WebSockets are to be closed; upgraded counts them.
func newHandler(s settings, h *health, log *slog.Logger, ending context.Context, upgraded *sync.WaitGroup) http.Handler {
	grpc := h.grpcServer()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Echo-Pod", s.pod)
		w.Header().Set("Echo-Version", s.version)
		switch {
		case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			grpc.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			h.check(w, r)
		case r.URL.Path == "/.echo/health" && r.Method == http.MethodPut:
			log.Info("health changed", "query", r.URL.RawQuery)
			h.change(w, r)
		case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
			upgraded.Add(1)
			defer upgraded.Done()
			echoMessages(w, r, ending)
		default:
			if err := answer(w, r, s); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		}
	})
}

// answer says what was received, in the way the request asks for. An error came before the first byte of the answer.
func answer(w http.ResponseWriter, r *http.Request, s settings) error {
	told, err := receive(r, s)
	if err != nil {
		return err
	}
	asked, err := askedFor(r)
	if err != nil {
		return err
	}
	if !wait(r.Context(), asked.delay) {
		return nil
	}
	if asked.reset {
		panic(http.ErrAbortHandler)
	}
	for _, line := range asked.headers {
		name, value, _ := strings.Cut(line, ":")
		w.Header().Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if asked.chunks > 0 {
		stream(w, r, asked)
		return nil
	}
	body := bytes.Repeat([]byte("x"), asked.size)
	if asked.size == 0 {
		if body, err = json.Marshal(told); err != nil {
			return err
		}
		body = append(body, '\n')
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(asked.status)
	_, _ = w.Write(body) // The client may be gone, or the status allow no body: that is for the test to see.
	return nil
}

// stream sends the headers at once, then numbered pieces, each after the interval.
func stream(w http.ResponseWriter, r *http.Request, asked behaviour) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(asked.status)
	for number := 1; number <= asked.chunks; number++ {
		if out.Flush() != nil || !wait(r.Context(), asked.interval) {
			return
		}
		piece := fmt.Sprintf("%d\n", number)
		if _, err := io.WriteString(w, piece+strings.Repeat("x", max(0, asked.size-len(piece)))); err != nil {
			return
		}
	}
}

// echoMessages sends every message back until the client closes, or closes itself (1001, going away) when ending is done.
func echoMessages(w http.ResponseWriter, r *http.Request, ending context.Context) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any origin
		Subprotocols:       r.Header.Values("Sec-WebSocket-Protocol"),
	})
	if err != nil {
		return // Accept has answered.
	}
	defer connection.CloseNow()
	connection.SetReadLimit(16 << 20)
	reading, stop := context.WithCancel(context.Background())
	defer stop()
	unhook := context.AfterFunc(ending, func() { _ = connection.Close(websocket.StatusGoingAway, "the server ends") })
	defer unhook()
	for {
		kind, message, err := connection.Read(reading)
		if err != nil {
			return
		}
		if connection.Write(reading, kind, message) != nil {
			return
		}
	}
}

func wait(ctx context.Context, long time.Duration) bool {
	if long == 0 {
		return true
	}
	select {
	case <-time.After(long):
		return true
	case <-ctx.Done():
		return false
	}
}
