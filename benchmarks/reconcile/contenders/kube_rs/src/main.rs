//! The benchmark's operator on kube-rs, written as a project's own would be.

use std::{collections::BTreeMap, env, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, future};
use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{
    Api, Client, CustomResource, Resource, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        controller::{Action, Config, Controller},
        predicates, reflector,
        watcher::{self, watcher},
    },
};
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize)]
#[kube(group = "bench.inspur.com", version = "v1", kind = "Bench", plural = "benches")]
#[kube(namespaced, status = "BenchStatus", schema = "disabled")]
struct BenchSpec {
    message: String,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct BenchStatus {
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("the Bench has no {0}")]
    Incomplete(&'static str),
}

/// Applies the ConfigMap, then writes the status.
async fn reconcile(bench: Arc<Bench>, client: Arc<Client>) -> Result<Action, Error> {
    let name = bench.name_any();
    let namespace = bench.namespace().ok_or(Error::Incomplete("namespace"))?;
    let mut data = bench.spec.settings.clone();
    data.insert("message".into(), bench.spec.message.clone());
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            owner_references: bench.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    };
    Api::<ConfigMap>::namespaced((*client).clone(), &namespace)
        .patch(&name, &PatchParams::apply("bench").force(), &Patch::Apply(&config_map))
        .await?;

    let generation = bench.meta().generation;
    let before = bench.status.clone().unwrap_or_default();
    let ready = before.conditions.iter().find(|condition| condition.type_ == "Ready");
    let condition = Condition {
        type_: "Ready".into(),
        status: "True".into(),
        reason: "Applied".into(),
        message: "the ConfigMap is as the spec asks".into(),
        observed_generation: generation,
        last_transition_time: match ready {
            Some(ready) if ready.status == "True" => ready.last_transition_time.clone(),
            _ => Time(jiff::Timestamp::now()),
        },
    };
    if before.observed_generation == generation && ready == Some(&condition) {
        return Ok(Action::await_change());
    }
    let status = serde_json::json!({
        "apiVersion": Bench::api_version(&()),
        "kind": Bench::kind(&()),
        "metadata": { "name": name, "namespace": namespace, "uid": bench.uid(), "resourceVersion": bench.resource_version() },
        "status": BenchStatus { observed_generation: generation, conditions: vec![condition] },
    });
    Api::<Bench>::namespaced((*client).clone(), &namespace)
        .patch_status(&name, &PatchParams::apply("bench-status").force(), &Patch::Apply(&status))
        .await?;
    Ok(Action::await_change())
}

fn retry(_: Arc<Bench>, error: &Error, _: Arc<Client>) -> Action {
    eprintln!("error: {error}");
    Action::requeue(Duration::from_millis(100))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let workers: u16 = env::var("BENCH_WORKERS")?.parse()?;
    let client = Client::try_default().await?;
    let (reader, writer) = reflector::store();
    let benches = watcher(Api::<Bench>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation, Default::default());
    let lost = watcher(Api::<ConfigMap>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .try_filter(|event| future::ready(matches!(event, watcher::Event::Delete(_))))
        .touched_objects();
    Controller::for_stream(benches, reader)
        .owns_stream(lost)
        .with_config(Config::default().concurrency(workers))
        .shutdown_on_signal()
        .run(reconcile, retry, Arc::new(client))
        .for_each(|_| future::ready(()))
        .await;
    Ok(())
}
