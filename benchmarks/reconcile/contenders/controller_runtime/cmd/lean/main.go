// The operator with a main program that has only what the benchmark needs. Its reconciler applies; with the argument
// "update" it compares first, and creates or updates.
package main

import (
	"fmt"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/inspur/kaiwuctl/benchmarks/reconcile/bench"
)

func run() error {
	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := bench.AddToScheme(scheme); err != nil {
		return err
	}

	config, err := bench.Config()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	var reconciler reconcile.Reconciler = &bench.ApplyReconciler{Client: manager.GetClient()}
	if slices.Contains(os.Args[1:], "update") {
		reconciler = &bench.UpdateReconciler{Client: manager.GetClient()}
	}
	if err := bench.Setup(manager, reconciler); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
