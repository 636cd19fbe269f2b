// SPDX-License-Identifier: Apache-2.0

// The Transit engine and the AppRole method of HashiCorp Vault, as the vault module has them, behind an HTTP front of our own that does what Vault's core does for
// them: routes, checks tokens, makes a token of a login. For the tests.
//
//	transit CERT.pem KEY.pem
//
// Prints one line of JSON, {"port", "token"}, and serves until its standard input ends.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/logical"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type mount struct {
	prefix  string
	backend logical.Backend
	storage logical.Storage
}

func newMount(prefix string, factory logical.Factory) *mount {
	storage := &logical.InmemStorage{}
	backend, err := factory(context.Background(), &logical.BackendConfig{
		Logger:      hclog.NewNullLogger(),
		StorageView: storage,
		System:      &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: 24 * time.Hour},
		BackendUUID: prefix,
	})
	must(err)
	must(backend.Initialize(context.Background(), &logical.InitializationRequest{Storage: storage}))
	return &mount{prefix, backend, storage}
}

type server struct {
	mounts []*mount
	root   string
	mutex  sync.Mutex
	tokens map[string]time.Time // of logins: they may encrypt and decrypt
}

func (s *server) allows(token, path string) bool {
	if token == s.root {
		return true
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return time.Now().Before(s.tokens[token]) &&
		(strings.HasPrefix(path, "transit/encrypt/") || strings.HasPrefix(path, "transit/decrypt/"))
}

func (s *server) login(auth *logical.Auth) map[string]any {
	raw := make([]byte, 16)
	_, err := rand.Read(raw)
	must(err)
	token := "hvs." + hex.EncodeToString(raw)
	ttl := auth.TTL
	if ttl == 0 {
		ttl = time.Hour
	}
	s.mutex.Lock()
	s.tokens[token] = time.Now().Add(ttl)
	s.mutex.Unlock()
	return map[string]any{"client_token": token, "lease_duration": int(ttl.Seconds()), "policies": auth.Policies}
}

func operation(m *mount, r *http.Request, request *logical.Request) logical.Operation {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("list") == "true":
		return logical.ListOperation
	case r.Method == http.MethodGet:
		return logical.ReadOperation
	case r.Method == http.MethodDelete:
		return logical.DeleteOperation
	}
	request.Operation = logical.CreateOperation
	checked, exists, err := m.backend.HandleExistenceCheck(r.Context(), request)
	if err != nil || !checked || exists {
		return logical.UpdateOperation
	}
	return logical.CreateOperation
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func refuse(w http.ResponseWriter, status int, words string) {
	answer(w, status, map[string]any{"errors": []string{words}})
}

func status(err error) int {
	switch {
	case errors.Is(err, logical.ErrUnsupportedPath):
		return http.StatusNotFound
	case errors.Is(err, logical.ErrPermissionDenied):
		return http.StatusForbidden
	case errors.Is(err, logical.ErrInvalidRequest):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	data := map[string]any{}
	if body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)); len(body) > 0 && json.Unmarshal(body, &data) != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	isLogin := path == "auth/approle/login"
	if !isLogin && !s.allows(r.Header.Get("X-Vault-Token"), path) {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	for _, m := range s.mounts {
		if strings.HasPrefix(path, m.prefix) {
			request := &logical.Request{
				Path: strings.TrimPrefix(path, m.prefix), Data: data, Storage: m.storage, MountPoint: m.prefix,
				Connection: &logical.Connection{RemoteAddr: "127.0.0.1"},
			}
			request.Operation = operation(m, r, request)
			s.finish(w, m, r.Context(), request)
			return
		}
	}
	refuse(w, http.StatusNotFound, "no handler for route")
}

func (s *server) finish(w http.ResponseWriter, m *mount, ctx context.Context, request *logical.Request) {
	reply, err := m.backend.HandleRequest(ctx, request)
	switch {
	case reply != nil && reply.IsError():
		refuse(w, http.StatusBadRequest, reply.Error().Error())
	case err != nil:
		refuse(w, status(err), err.Error())
	case reply == nil && request.Operation == logical.ReadOperation:
		answer(w, http.StatusNotFound, map[string]any{"errors": []string{}})
	case reply == nil:
		answer(w, http.StatusNoContent, nil)
	case reply.Auth != nil:
		answer(w, http.StatusOK, map[string]any{"auth": s.login(reply.Auth)})
	default:
		answer(w, http.StatusOK, map[string]any{"data": reply.Data})
	}
}

func main() {
	root := make([]byte, 16)
	_, err := rand.Read(root)
	must(err)
	s := &server{root: "hvs." + hex.EncodeToString(root), tokens: map[string]time.Time{}}
	s.mounts = []*mount{newMount("transit/", transit.Factory), newMount("auth/approle/", approle.Factory)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	quiet := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { must(quiet.ServeTLS(listener, os.Args[1], os.Args[2])) }()
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port, "token": s.root}))
	_, _ = io.Copy(io.Discard, os.Stdin)
}
