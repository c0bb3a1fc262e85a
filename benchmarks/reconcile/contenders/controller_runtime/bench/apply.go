package bench

import (
	"context"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ApplyReconciler writes with server-side apply, in every reconcile.
type ApplyReconciler struct {
	client.Client
}

// Reconcile applies the ConfigMap, then writes the status.
func (r *ApplyReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var bench Bench
	if err := r.Get(ctx, req.NamespacedName, &bench); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}

	configMap := corev1ac.ConfigMap(req.Name, req.Namespace).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(groupVersion.String()).
			WithKind("Bench").
			WithName(bench.Name).
			WithUID(bench.UID).
			WithController(true).
			WithBlockOwnerDeletion(true)).
		WithData(bench.data())
	if err := r.Apply(ctx, configMap, client.FieldOwner("bench"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}

	if !bench.setReady() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.Status().Apply(ctx, newBenchStatusApply(&bench),
		client.FieldOwner("bench-status"), client.ForceOwnership)
}
