// The operator with everything that the main program of a new kubebuilder project has: servers, checks and flags.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // for kubeconfigs that log in with a cloud provider
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/inspur/kaiwuctl/benchmarks/reconcile/bench"
)

// settings are the values of the flags.
type settings struct {
	metricsAddress     string
	metricsSecure      bool
	metricsCertificate certificate
	webhookCertificate certificate
	probeAddress       string
	leaderElect        bool
	http2              bool
	log                zap.Options
}

// certificate is where a server finds its certificate and key.
type certificate struct {
	folder, certificate, key string
}

func (c *certificate) bindFlags(server string) {
	flag.StringVar(&c.folder, server+"-cert-path", "", "folder of the "+server+" server's certificate")
	flag.StringVar(&c.certificate, server+"-cert-name", "tls.crt", "file of the "+server+" server's certificate")
	flag.StringVar(&c.key, server+"-cert-key", "tls.key", "file of the "+server+" server's key")
}

func parseFlags() *settings {
	s := &settings{log: zap.Options{Development: true}}
	flag.StringVar(&s.metricsAddress, "metrics-bind-address", "0", "metrics server bind address; 0 turns it off")
	flag.BoolVar(&s.metricsSecure, "metrics-secure", true, "serve metrics over https, to authorized callers")
	s.metricsCertificate.bindFlags("metrics")
	s.webhookCertificate.bindFlags("webhook")
	flag.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "probe server bind address")
	flag.BoolVar(&s.leaderElect, "leader-elect", false, "run the controllers in only one of several replicas")
	flag.BoolVar(&s.http2, "enable-http2", false, "let the metrics and webhook servers speak HTTP/2")
	s.log.BindFlags(flag.CommandLine)
	flag.Parse()
	return s
}

// tlsOptions are those of both https servers.
func (s *settings) tlsOptions() []func(*tls.Config) {
	if s.http2 {
		return nil
	}
	return []func(*tls.Config){func(config *tls.Config) { config.NextProtos = []string{"http/1.1"} }}
}

func (s *settings) metricsOptions() metricsserver.Options {
	options := metricsserver.Options{
		BindAddress:   s.metricsAddress,
		SecureServing: s.metricsSecure,
		TLSOpts:       s.tlsOptions(),
	}
	if s.metricsSecure {
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	if found := s.metricsCertificate; found.folder != "" {
		options.CertDir, options.CertName, options.KeyName = found.folder, found.certificate, found.key
	}
	return options
}

func (s *settings) webhookOptions() webhook.Options {
	options := webhook.Options{TLSOpts: s.tlsOptions()}
	if found := s.webhookCertificate; found.folder != "" {
		options.CertDir, options.CertName, options.KeyName = found.folder, found.certificate, found.key
	}
	return options
}

func run(s *settings) error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(bench.AddToScheme(scheme))

	config, err := bench.Config()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                s.metricsOptions(),
		WebhookServer:          webhook.NewServer(s.webhookOptions()),
		HealthProbeBindAddress: s.probeAddress,
		LeaderElection:         s.leaderElect,
		LeaderElectionID:       "bench.inspur.com",
		// In a pod this is the pod's. Each run has its own: no run waits for the Lease of the run before.
		LeaderElectionNamespace: os.Getenv("BENCH_NAMESPACE"),
	})
	if err != nil {
		return err
	}
	if err := bench.Setup(manager, &bench.UpdateReconciler{Client: manager.GetClient()}); err != nil {
		return err
	}
	if err := manager.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return err
	}
	if err := manager.AddReadyzCheck("readyz", healthz.Ping); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	s := parseFlags()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&s.log)))
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
