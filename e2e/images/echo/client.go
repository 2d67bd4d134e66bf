package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const clientTimeout = 10 * time.Second

// runClient is `echo get URL` (or put, post, ...): asks from inside a pod (kubectl exec), with the pod's own names and addresses. The
// answer's body goes to standard output; returns the exit code, 1 for no answer or a status of 400 and above.
func runClient(arguments []string) int {
	if len(arguments) != 2 {
		fmt.Fprintln(os.Stderr, "usage: echo METHOD URL")
		return 2
	}
	request, err := http.NewRequest(strings.ToUpper(arguments[0]), arguments[1], nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	client := http.Client{Timeout: clientTimeout}
	answer, err := client.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if answer.StatusCode >= http.StatusBadRequest {
		fmt.Fprintln(os.Stderr, answer.Status)
		return 1
	}
	return 0
}
