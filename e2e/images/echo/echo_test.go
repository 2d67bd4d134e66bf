package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/tls"
	"encoding/pem"

	"crypto/x509"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// running starts echo on free ports of loopback with all three listeners; stop ends it as SIGTERM does and tells how that went.
func running(t *testing.T, change func(*settings)) (at map[string]string, stop func() error) {
	t.Helper()
	certificate, key := certificateFiles(t)
	s := settings{
		http: "127.0.0.1:0", tls: "127.0.0.1:0", proxy: "127.0.0.1:0", certificate: certificate, key: key,
		grace: 5 * time.Second, pod: "pod-1", version: "v1",
	}
	if change != nil {
		change(&s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	addresses, ended := make(chan map[string]net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, s, slog.New(slog.DiscardHandler), func(all map[string]net.Addr) { addresses <- all })
	}()
	at = map[string]string{}
	select {
	case all := <-addresses:
		for name, address := range all {
			at[name] = address.String()
		}
	case err := <-ended:
		t.Fatal(err)
	}
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return at, stop
}

func certificateFiles(t *testing.T) (certificate, key string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	pair := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	write := func(path, kind string, content []byte) {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(certificate, "CERTIFICATE", pair.Certificate[0])
	write(key, "PRIVATE KEY", private)
	return certificate, key
}

func client(h2 bool, serverName string) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2)
	protocols.SetUnencryptedHTTP2(h2)
	return &http.Client{Transport: &http.Transport{
		Protocols: protocols, DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: serverName},
	}}
}

func ask(t *testing.T, by *http.Client, method, url, body string, headers ...string) (*http.Response, received) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	response, err := by.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told received
	if response.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(text, &told); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	} else {
		told.Body = string(text)
	}
	return response, told
}

func equal[T comparable](t *testing.T, what string, is, wanted T) {
	t.Helper()
	if is != wanted {
		t.Errorf("%s is %v, wanted %v", what, is, wanted)
	}
}

func TestItTellsWhatItReceived(t *testing.T) {
	at, _ := running(t, nil)
	response, told := ask(t, client(false, ""), "POST", "http://"+at["http"]+"/a%2Fb/c?x=1&x=2", "hello", "X-Env: canary", "X-Env: b")
	equal(t, "status", response.StatusCode, 200)
	equal(t, "Echo-Pod", response.Header.Get("Echo-Pod"), "pod-1")
	equal(t, "pod", told.Pod, "pod-1")
	equal(t, "version", told.Version, "v1")
	equal(t, "method", told.Method, "POST")
	equal(t, "target", told.Target, "/a%2Fb/c?x=1&x=2")
	equal(t, "path", told.Path, "/a/b/c")
	equal(t, "query", strings.Join(told.Query["x"], ","), "1,2")
	equal(t, "host", told.Host, at["http"])
	equal(t, "proto", told.Proto, "HTTP/1.1")
	equal(t, "headers", strings.Join(told.Headers["x-env"], ","), "canary,b")
	equal(t, "body", told.Body, "hello")
	equal(t, "body length", told.BodyLength, 5)
	equal(t, "body hash", told.BodySHA256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
	equal(t, "server", told.Server, at["http"])
	equal(t, "TLS", told.TLS == nil, true)
}

func TestOneConnectionHasOneNumber(t *testing.T) {
	at, _ := running(t, nil)
	kept := client(false, "")
	_, first := ask(t, kept, "GET", "http://"+at["http"], "")
	_, second := ask(t, kept, "GET", "http://"+at["http"], "")
	_, other := ask(t, client(false, ""), "GET", "http://"+at["http"], "")
	equal(t, "second", second.Connection, first.Connection)
	equal(t, "another client's is the same", other.Connection == first.Connection, false)
}

func TestItSpeaksHTTP2WithoutAndWithTLS(t *testing.T) {
	at, _ := running(t, nil)
	_, plain := ask(t, client(true, ""), "GET", "http://"+at["http"], "")
	equal(t, "h2c", plain.Proto, "HTTP/2.0")
	_, secure := ask(t, client(true, "shop.example"), "GET", "https://"+at["tls"], "")
	equal(t, "h2", secure.Proto, "HTTP/2.0")
	equal(t, "server name", secure.TLS.ServerName, "shop.example")
	equal(t, "ALPN", secure.TLS.Protocol, "h2")
	equal(t, "version", secure.TLS.Version, "TLS 1.3")
	_, old := ask(t, client(false, "shop.example"), "GET", "https://"+at["tls"], "")
	equal(t, "h1 over TLS", old.Proto, "HTTP/1.1")
}

func TestItBelievesAPROXYHeader(t *testing.T) {
	at, _ := running(t, nil)
	connection, err := net.Dial("tcp", at["proxy"])
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "PROXY TCP4 192.0.2.7 192.0.2.8 4567 80\r\nGET / HTTP/1.0\r\n\r\n")
	answer, _ := io.ReadAll(connection)
	if !strings.Contains(string(answer), `"client":"192.0.2.7:4567"`) {
		t.Errorf("the client is not the header's: %s", answer)
	}
}

func TestItBehavesAsAsked(t *testing.T) {
	at, _ := running(t, nil)
	by, url := client(false, ""), "http://"+at["http"]
	response, told := ask(t, by, "GET", url+"/?echo-status=503", "", "Echo-Header: Retry-After: 7")
	equal(t, "status", response.StatusCode, 503)
	equal(t, "header", response.Header.Get("Retry-After"), "7")
	equal(t, "it still tells", told.Method, "GET")
	_, told = ask(t, by, "GET", url, "", "Echo-Size: 100000")
	equal(t, "size", len(told.Body), 100_000)
	begun := time.Now()
	ask(t, by, "GET", url+"/?echo-delay=50ms", "")
	equal(t, "the delay was kept", time.Since(begun) >= 50*time.Millisecond, true)
	response, told = ask(t, by, "GET", url+"/?echo-chunks=3&echo-interval=10ms", "")
	equal(t, "pieces", told.Body, "1\n2\n3\n")
	equal(t, "length", response.ContentLength, -1)
	response, _ = ask(t, by, "GET", url+"/?echo-status=9", "")
	equal(t, "nonsense", response.StatusCode, 400)
	if _, err := by.Get(url + "/?echo-reset=1"); err == nil {
		t.Error("the connection was not cut")
	}
}

func TestHealthIsSwitched(t *testing.T) {
	at, _ := running(t, nil)
	by, url := client(false, ""), "http://"+at["http"]
	check := func() int {
		response, _ := ask(t, by, "GET", url+"/healthz", "")
		return response.StatusCode
	}
	equal(t, "at first", check(), 200)
	ask(t, by, "PUT", url+"/.echo/health?http=503", "")
	equal(t, "switched", check(), 503)
	ask(t, by, "PUT", url+"/.echo/health?http=reset", "")
	if _, err := by.Get(url + "/healthz"); err == nil {
		t.Error("the check was answered")
	}
	ask(t, by, "PUT", url+"/.echo/health?http=200", "")
	equal(t, "switched back", check(), 200)
	response, _ := ask(t, by, "PUT", url+"/.echo/health?http=fine", "")
	equal(t, "nonsense", response.StatusCode, 400)
}

func TestGRPCHealthIsSwitched(t *testing.T) {
	at, _ := running(t, nil)
	connection, err := grpc.NewClient(at["http"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	checks := grpc_health_v1.NewHealthClient(connection)
	check := func(service string, within time.Duration) (grpc_health_v1.HealthCheckResponse_ServingStatus, codes.Code) {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		answer, err := checks.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
		return answer.GetStatus(), status.Code(err)
	}
	change := func(query string) { ask(t, client(false, ""), "PUT", "http://"+at["http"]+"/.echo/health?"+query, "") }
	serving, _ := check("", 5*time.Second)
	equal(t, "at first", serving, grpc_health_v1.HealthCheckResponse_SERVING)
	change("grpc=NOT_SERVING")
	serving, _ = check("", 5*time.Second)
	equal(t, "switched", serving, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	_, code := check("shop", 5*time.Second)
	equal(t, "a service nobody named", code, codes.NotFound)
	change("grpc=SERVING&service=shop")
	serving, _ = check("shop", 5*time.Second)
	equal(t, "a service by name", serving, grpc_health_v1.HealthCheckResponse_SERVING)
	change("grpc=hang")
	_, code = check("", 100*time.Millisecond)
	equal(t, "hanging", code, codes.DeadlineExceeded)
}

func TestAWebSocketGetsItsMessagesBackAndAGoodbye(t *testing.T) {
	at, stop := running(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	connection, _, err := websocket.Dial(ctx, "ws://"+at["http"]+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.CloseNow()
	if err := connection.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, message, err := connection.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message", string(message), "hello")
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	_, _, err = connection.Read(ctx)
	equal(t, "goodbye", websocket.CloseStatus(err), websocket.StatusGoingAway)
	equal(t, "end", <-ended, nil)
}

func TestItDrains(t *testing.T) {
	at, stop := running(t, func(s *settings) { s.drain = 300 * time.Millisecond })
	by, url := client(false, ""), "http://"+at["http"]
	slow := make(chan int, 1)
	go func() {
		response, err := client(false, "").Get(url + "/?echo-delay=600ms")
		if err != nil {
			slow <- 0
			return
		}
		response.Body.Close()
		slow <- response.StatusCode
	}()
	// The slow request is under way as soon as its connection has a number: the next connection's is above it.
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, told := ask(t, client(false, ""), "GET", url, ""); told.Connection > 2 || time.Now().After(deadline) {
			break
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for deadline := time.Now().Add(5 * time.Second); ; {
		response, err := by.Get(url + "/healthz")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("/healthz never said 503 while draining: %v", err)
		}
		response.Body.Close()
		if response.StatusCode == 503 {
			break
		}
	}
	equal(t, "the request under way", <-slow, 200)
	equal(t, "end", <-ended, nil)
	if _, err := net.Dial("tcp", at["http"]); err == nil {
		t.Error("it still listens")
	}
}

func TestARequestLongerThanTheGraceIsCut(t *testing.T) {
	at, stop := running(t, func(s *settings) { s.grace = 50 * time.Millisecond })
	connection, err := net.Dial("tcp", at["http"])
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "GET /?echo-chunks=1000&echo-interval=1s HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := connection.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	equal(t, "it says so", errors.Is(stop(), context.DeadlineExceeded), true)
}

func TestSettingsAreChecked(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	s, err := settingsFrom(env(map[string]string{"HOSTNAME": "h", "ECHO_DRAIN": "2s"}))
	equal(t, "error", err, nil)
	equal(t, "address", s.http, ":8080")
	equal(t, "pod", s.pod, "h")
	equal(t, "drain", s.drain, 2*time.Second)
	for name, value := range map[string]string{"ECHO_DRAIN": "soon", "ECHO_TLS": ":1", "ECHO_TLS_CERT": "a"} {
		if _, err := settingsFrom(env(map[string]string{name: value})); err == nil {
			t.Errorf("%s=%s was taken", name, value)
		}
	}
}
