package bench

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

	data := maps.Clone(bench.Spec.Settings)
	if data == nil {
		data = map[string]string{}
	}
	data["message"] = bench.Spec.Message
	configMap := corev1ac.ConfigMap(req.Name, req.Namespace).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(groupVersion.String()).
			WithKind("Bench").
			WithName(bench.Name).
			WithUID(bench.UID).
			WithController(true).
			WithBlockOwnerDeletion(true)).
		WithData(data)
	if err := r.Apply(ctx, configMap, client.FieldOwner("bench"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}

	changed := meta.SetStatusCondition(&bench.Status.Conditions, metav1.Condition{
		Type:               "Ready",
		Status:             metav1.ConditionTrue,
		Reason:             "Applied",
		Message:            "the ConfigMap is as the spec asks",
		ObservedGeneration: bench.Generation,
	})
	if !changed && bench.Status.ObservedGeneration == bench.Generation {
		return ctrl.Result{}, nil
	}
	bench.Status.ObservedGeneration = bench.Generation
	return ctrl.Result{}, r.Status().Apply(ctx, newBenchStatusApply(&bench),
		client.FieldOwner("bench-status"), client.ForceOwnership)
}
