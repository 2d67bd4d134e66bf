package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const hang = "hang"

// health is what /healthz and grpc.health.v1 say; both are switched by PUT /.echo/health.
type health struct {
	mutex    sync.Mutex
	status   int    // of /healthz
	bad      string // "", "hang" or "reset": what /healthz does instead of answering
	draining bool
	hanging  bool // gRPC: Check gives no answer
	grpc     *grpchealth.Server
}

func newHealth() *health {
	return &health{status: http.StatusOK, grpc: grpchealth.NewServer()}
}

// drain makes both kinds of check fail for good: the process is about to end.
func (h *health) drain() {
	h.mutex.Lock()
	h.draining = true
	h.mutex.Unlock()
	h.grpc.Shutdown()
}

// check answers GET /healthz.
func (h *health) check(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	status, bad := h.status, h.bad
	if h.draining {
		status, bad = http.StatusServiceUnavailable, ""
	}
	h.mutex.Unlock()
	switch bad {
	case hang:
		<-r.Context().Done()
	case "reset":
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(status)
		fmt.Fprintln(w, http.StatusText(status))
	}
}

// change answers PUT /.echo/health?http=503|hang|reset&grpc=NOT_SERVING|hang&service=NAME; each parameter may be left out.
func (h *health) change(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if err := h.set(query.Get("http"), query.Get("grpc"), query.Get("service")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *health) set(http, grpc, service string) error {
	status := 0
	if http != "" && http != hang && http != "reset" {
		var err error
		if status, err = strconv.Atoi(http); err != nil || status < 200 || status > 599 {
			return fmt.Errorf("http=%q is neither a status of 200 to 599, nor hang, nor reset", http)
		}
	}
	serving, known := grpc_health_v1.HealthCheckResponse_ServingStatus_value[grpc]
	if grpc != "" && grpc != hang && !known {
		return fmt.Errorf("grpc=%q is neither a status such as NOT_SERVING nor hang", grpc)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if status != 0 {
		h.status, h.bad = status, ""
	} else if http != "" {
		h.bad = http
	}
	if grpc != "" {
		h.hanging = grpc == hang
	}
	if known {
		h.grpc.SetServingStatus(service, grpc_health_v1.HealthCheckResponse_ServingStatus(serving))
	}
	return nil
}

// grpcServer offers grpc.health.v1 alone. It is served by net/http's HTTP/2, on the same ports as everything else.
func (h *health) grpcServer() *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			h.mutex.Lock()
			hanging := h.hanging
			h.mutex.Unlock()
			if hanging {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return handler(ctx, request)
		}))
	grpc_health_v1.RegisterHealthServer(server, h.grpc)
	return server
}
