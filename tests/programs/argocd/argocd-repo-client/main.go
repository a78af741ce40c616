// Command argocd-repo-client asks a config management plugin what Argo CD's repo server asks it, in the same way: it packs
// a checkout, sends it with the application's environment over the plugin's socket, and prints the answer as JSON.
//
//	argocd-repo-client [--root FOLDER] [--timeout 60s] SOCKET CALL APPLICATION [NAME=VALUE]...
//
// CALL is MatchRepository, GenerateManifest or GetParametersAnnouncement; APPLICATION is the application's folder, in or
// below the checkout FOLDER. What the plugin refuses is printed as {"code", "error"}, with exit code 1.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	retry "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc/status"

	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/cmp"
)

// request is what Argo CD sends with each of its calls.
type request struct {
	root, application string
	environment       []string
}

// upload is what the streams of the calls have in common.
type upload[Answer any] interface {
	Send(*apiclient.AppStreamRequest) error
	CloseAndRecv() (Answer, error)
}

func main() {
	root := flag.String("root", "", "the checkout; without it, the application's folder")
	timeout := flag.Duration("timeout", time.Minute, "how long the plugin may take")
	flag.Parse()
	if flag.NArg() < 3 {
		fmt.Fprintln(os.Stderr, "usage: argocd-repo-client [--root FOLDER] [--timeout 60s] SOCKET CALL APPLICATION [NAME=VALUE]...")
		os.Exit(2)
	}
	socket, call, application, environment := flag.Arg(0), flag.Arg(1), flag.Arg(2), flag.Args()[3:]
	if *root == "" {
		*root = application
	}
	if err := checkEnvironment(environment); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	context, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()

	answer, err := send(context, socket, call, request{*root, application, environment})
	if err != nil {
		answer = map[string]string{"code": status.Code(err).String(), "error": err.Error()}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if fault := encoder.Encode(answer); fault != nil || err != nil {
		os.Exit(1)
	}
}

// checkEnvironment keeps a mistyped pair from being dropped without a word, as Argo CD's own code would.
func checkEnvironment(pairs []string) error {
	for _, pair := range pairs {
		if name, _, found := strings.Cut(pair, "="); !found || name == "" {
			return fmt.Errorf("%q is not NAME=VALUE", pair)
		}
	}
	return nil
}

func send(context context.Context, socket, call string, request request) (any, error) {
	connection, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	switch call {
	case "MatchRepository":
		stream, err := client.MatchRepository(context, retry.Disable())
		return answer(context, request, stream, err)
	case "GenerateManifest":
		stream, err := client.GenerateManifest(context, retry.Disable())
		return answer(context, request, stream, err)
	case "GetParametersAnnouncement":
		stream, err := client.GetParametersAnnouncement(context, retry.Disable())
		return answer(context, request, stream, err)
	}
	return nil, fmt.Errorf("%q is none of MatchRepository, GenerateManifest, GetParametersAnnouncement", call)
}

func answer[Answer any](context context.Context, request request, stream upload[Answer], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if err := cmp.SendRepoStream(context, request.application, request.root, stream, request.environment, nil); err != nil {
		return nil, err
	}
	return stream.CloseAndRecv()
}
