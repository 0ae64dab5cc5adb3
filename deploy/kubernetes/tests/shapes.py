"""Schemas of the custom resources, for the fields that the manifests use.

The schemas of these resources are not part of Kubernetes, and none is committed here. These follow the documentation of each
project, so that misspelled and misplaced fields are found: a field that is not listed here is an error.

A dict is an object; `name!` is required. [x] is a non-empty list of x. A set contains the allowed values. `dict` is an object
whose values are strings.
"""

NAME = {"name!": str}
KEY = {"name!": str, "key!": str}
RESOURCES = {"requests!": dict, "limits!": dict}
SELECTOR = {"matchLabels!": dict}
APART = [{"topologyKey!": str, "labelSelector!": SELECTOR}]
AFFINITY = {"podAntiAffinity!": {"requiredDuringSchedulingIgnoredDuringExecution!": APART}}
MONITOR = {"selector!": SELECTOR}
ENDPOINT = [{"port!": str, "path!": {"/metrics"}, "interval!": str}]

SHAPES = {
    "gateway.networking.k8s.io/v1 Gateway": {
        "gatewayClassName!": str,
        "listeners!": [{
            "name!": str,
            "hostname": str,
            "protocol!": {"HTTP", "HTTPS"},
            "port!": int,
            "tls": {"mode!": {"Terminate"}, "certificateRefs!": [{"kind": {"Secret"}, "name!": str}]},
            "allowedRoutes": {"namespaces!": {"from!": {"Same"}}},
        }],
    },
    "gateway.networking.k8s.io/v1 HTTPRoute": {
        "parentRefs!": [{"name!": str, "sectionName!": str}],
        "hostnames": [str],
        "rules!": [{
            "matches": [{"path!": {"type!": {"Exact", "PathPrefix"}, "value!": str}}],
            "backendRefs": [{"name!": str, "port!": int}],
            "filters": [{"type!": {"RequestRedirect"}, "requestRedirect!": {"scheme!": {"https"}, "statusCode!": {301}}}],
            "timeouts": {"request!": str},
        }],
    },
    "keda.sh/v1alpha1 TriggerAuthentication": {"secretTargetRef!": [{"parameter!": {"host"}, **KEY}]},
    "keda.sh/v1alpha1 ScaledObject": {
        "scaleTargetRef!": NAME,
        "minReplicaCount!": int,
        "maxReplicaCount!": int,
        "pollingInterval": int,
        "fallback": {"failureThreshold!": int, "replicas!": int},
        "advanced": {"horizontalPodAutoscalerConfig!": {"behavior!": {"scaleDown!": {"stabilizationWindowSeconds!": int}}}},
        "triggers!": [{
            "type!": {"rabbitmq"},
            # All values are strings.
            "metadata!": {"protocol!": {"amqp"}, "queueName!": str, "mode!": {"QueueLength"}, "value!": str},
            "authenticationRef!": NAME,
        }],
    },
    "monitoring.coreos.com/v1 ServiceMonitor": {**MONITOR, "endpoints!": ENDPOINT},
    "monitoring.coreos.com/v1 PodMonitor": {**MONITOR, "jobLabel!": {"app.kubernetes.io/name"}, "podMetricsEndpoints!": ENDPOINT},
    "monitoring.coreos.com/v1 PrometheusRule": {
        "groups!": [{
            "name!": str,
            "interval": str,
            "rules!": [{
                "alert": str,
                "record": str,
                "expr!": (str, int),
                "for": str,
                "keep_firing_for": str,
                "labels": dict,
                "annotations": dict,
            }],
        }],
    },
    "postgresql.cnpg.io/v1 Cluster": {
        "instances!": int,
        "imageName!": str,
        "enableSuperuserAccess!": {False},
        "bootstrap!": {"initdb!": {"database!": str, "owner!": str, "secret!": NAME, "encoding": str}},
        "managed!": {"roles!": [{"name!": str, "ensure!": {"present"}, "login!": {True}, "passwordSecret!": NAME}]},
        "postgresql!": {
            "pg_hba!": [str],
            # All values are strings.
            "parameters!": dict,
            "synchronous": {"method!": {"any", "first"}, "number!": int, "dataDurability!": {"required", "preferred"}},
        },
        "affinity": {"enablePodAntiAffinity!": bool, "topologyKey!": str, "podAntiAffinityType!": {"required", "preferred"}},
        "storage!": {"size!": str},
        "walStorage": {"size!": str},
        "resources!": RESOURCES,
        "plugins": [{"name!": str, "isWALArchiver!": bool, "parameters!": dict}],
    },
    "postgresql.cnpg.io/v1 Database": {
        "name!": str,
        "owner!": str,
        "ensure!": {"present"},
        "encoding": str,
        "databaseReclaimPolicy!": {"retain"},
        "cluster!": NAME,
    },
    "postgresql.cnpg.io/v1 ScheduledBackup": {
        "schedule!": str,
        "immediate": bool,
        "backupOwnerReference": {"self", "cluster", "none"},
        "method!": {"plugin"},
        "pluginConfiguration!": NAME,
        "cluster!": NAME,
    },
    "barmancloud.cnpg.io/v1 ObjectStore": {
        "retentionPolicy": str,
        "configuration!": {
            "destinationPath!": str,
            "endpointURL": str,
            "s3Credentials!": {"accessKeyId!": KEY, "secretAccessKey!": KEY},
            "wal": {"compression!": str},
            "data": {"compression!": str},
        },
    },
    "rabbitmq.com/v1beta1 RabbitmqCluster": {
        "replicas!": int,
        "image!": str,
        "persistence!": {"storage!": str},
        "resources!": RESOURCES,
        "affinity": AFFINITY,
        "rabbitmq!": {"additionalConfig!": str},
    },
}


def wrong(value, shape, where):
    """Returns the errors of a value, one line each."""
    if shape is dict:
        texts = isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)
        return [] if texts else [f"{where} must be an object with texts"]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where} must be an object"]
        fields = {name.rstrip("!"): (part, name.endswith("!")) for name, part in shape.items()}
        found = [f"{where} has no field «{name}»" for name in value if name not in fields]
        found += [f"{where} lacks «{name}»" for name, (_, needed) in fields.items() if needed and name not in value]
        for name in value.keys() & fields.keys():
            found += wrong(value[name], fields[name][0], f"{where}.{name}")
        return found
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{where} must be a list with something in it"]
        return [line for n, item in enumerate(value) for line in wrong(item, shape[0], f"{where}[{n}]")]
    if isinstance(shape, set):
        return [] if value in shape else [f"{where} is «{value}», not one of {sorted(map(str, shape))}"]
    # In Python, unlike in Kubernetes, a bool is an int.
    right = isinstance(value, shape) and isinstance(value, bool) == (shape is bool)
    return [] if right else [f"{where} is «{value}», of the wrong type"]


def of(resource):
    """Returns the errors of a custom resource."""
    kind = f"{resource['apiVersion']} {resource['kind']}"
    if kind not in SHAPES:
        return [f"{kind}: shapes.py does not know this kind"]
    name = resource["metadata"]["name"]
    found = [f"{kind} {name} has no field «{field}»" for field in resource if field not in ("apiVersion", "kind", "metadata", "spec")]
    return found + wrong(resource.get("spec"), SHAPES[kind], f"{kind} {name}: spec")
