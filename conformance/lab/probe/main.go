// A workload that shows what a network does: `serve` answers with what it sees of a request, `get` and `lookup` ask.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const timeout = 3 * time.Second

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		exitOn(serve())
		return
	}
	if len(os.Args) != 3 {
		exitOn(fmt.Errorf("usage: probe serve | get URL | lookup NAME"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	switch os.Args[1] {
	case "get":
		exitOn(get(ctx, os.Args[2]))
	case "lookup":
		addresses, err := net.DefaultResolver.LookupHost(ctx, os.Args[2])
		exitOn(err)
		fmt.Println(strings.Join(addresses, " "))
	}
}

func serve() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s %s\n", name, peer)
	}))
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
