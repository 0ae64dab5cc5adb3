"""Checks the rendered manifests: schemas, settings, routes, rights, and whether the parts fit together.

Run by scripts/test-manifests.sh, which renders them. Each check is a function that returns what is wrong, a line each, so
that a test can also plant a mistake and see it found.
"""

import copy
import ipaddress
import os
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest

import kubernetes_validate
import yaml

import shapes

ROOT = pathlib.Path(__file__).resolve().parents[3]
RENDERED = pathlib.Path(os.environ["RENDERED"])
BINARIES = pathlib.Path(os.environ["ROWLOCK_BIN_DIR"])
OVERLAYS = ("base", "local", "production")
# Version of the Kubernetes schemas that the core kinds are validated against.
KUBERNETES = "1.37"
CORE = {"v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1"}
SERVICES = ("auth-service", "booking-service", "reallocation-worker", "notifier", "web")
# The services that connect to the database and to the broker.
STATEFUL = ("auth-service", "booking-service", "reallocation-worker", "notifier")
# Connections in addition to the pool: health check and notifier, and two of the relay where there is one.
MORE_CONNECTIONS = {"auth-service": 4, "booking-service": 4, "reallocation-worker": 2, "notifier": 2}
# Secrets that others create: the RabbitMQ operator, cert-manager, or the administrator of the cluster.
OTHERS_SECRETS = {
    "rowlock-rabbitmq-default-user": {"connection_string": "amqp://default_user_a1:b2@rowlock-rabbitmq.rowlock.svc:5672/"},
    "rowlock-tls": {},
    "rowlock-backups": {"ACCESS_KEY_ID": "", "SECRET_ACCESS_KEY": ""},
}


def load(name):
    return [doc for doc in yaml.safe_load_all((RENDERED / f"{name}.yaml").read_text()) if doc]


SECRETS = {doc["metadata"]["name"]: doc["stringData"] for doc in load("secrets")} | OTHERS_SECRETS
SETTINGS = {service: tomllib.loads((ROOT / f"crates/{service}/src/default.toml").read_text()) for service in SERVICES}


def of_kind(docs, *kinds):
    return [doc for doc in docs if doc["kind"] in kinds]


def named(docs, kind, name):
    return next(doc for doc in docs if doc["kind"] == kind and doc["metadata"]["name"] == name)


def pods(docs):
    """Returns name, labels and spec of each of our pods."""
    for doc in of_kind(docs, "Deployment", "Job"):
        template = doc["spec"]["template"]
        yield doc["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def selects(selector, labels):
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


# --- schemas ---

def wrong_shapes(docs):
    found = []
    for doc in docs:
        if doc["apiVersion"] not in CORE:
            found += shapes.of(doc)
            continue
        try:
            kubernetes_validate.validate(doc, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{doc['kind']} {doc['metadata']['name']}: {error.message}")
    return found


# --- settings: the binaries report unknown ones ---

def sources_of(volume):
    """Returns the Secrets of a volume. An empty folder has none."""
    return volume["projected"]["sources"] if "emptyDir" not in volume else []


def files_of(spec):
    """Returns the contents of the files that a pod mounts. A file without a Secret is None."""
    volumes = {volume["name"]: sources_of(volume) for volume in spec.get("volumes", [])}
    files = {}
    for mount in spec["containers"][0].get("volumeMounts", []):
        for source in volumes[mount["name"]]:
            secret = SECRETS.get(source["secret"]["name"], {})
            items = source["secret"].get("items") or [{"key": key, "path": key} for key in secret]
            files |= {f"{mount['mountPath']}/{item['path']}": secret.get(item["key"]) for item in items}
    return files


def environment_of(docs, spec, folder):
    """Returns the environment of a container, with its files in a folder, and the errors found."""
    files, environment, found = files_of(spec), {}, []
    for variable in spec["containers"][0]["env"]:
        name, value = variable["name"], variable.get("value")
        if value is None:
            wanted = variable["valueFrom"]["configMapKeyRef"]
            maps = [doc for doc in of_kind(docs, "ConfigMap") if doc["metadata"]["name"] == wanted["name"]]
            value = maps[0]["data"].get(wanted["key"]) if maps else None
        if value is None:
            found.append(f"{name}: its ConfigMap has no such value")
            continue
        if name.startswith("ROWLOCK") and not name.startswith("ROWLOCK__"):
            found.append(f"{name} is not read: two underscores are missing")
        if name.endswith("_FILE"):
            if files.get(value) is None:
                found.append(f"{name}: the pod has no file {value}")
                continue
            path = pathlib.Path(folder) / name
            path.write_text(files[value])
            value = str(path)
        environment[name] = value
    return environment, found


def wrong_settings(docs):
    found = []
    for name, _, spec in pods(docs):
        container = spec["containers"][0]
        with tempfile.TemporaryDirectory() as folder:
            environment, wrong = environment_of(docs, spec, folder)
            # The deliberately unknown setting prevents the start in any case.
            ran = subprocess.run(
                [BINARIES / container["name"], "serve"],
                env=environment | {"ROWLOCK__PLANTED": "1"}, capture_output=True, text=True, timeout=60, check=False,
            )
        complaints = [line.strip() for line in ran.stderr.splitlines() if " (ROWLOCK__" in line]
        if ran.returncode != 2 or not any("ROWLOCK__PLANTED" in line for line in complaints):
            wrong.append(f"{container['name']} did not look at its settings: {ran.returncode} {ran.stderr}")
        for line in complaints:
            # A job reads fewer settings than a service.
            needless = container["args"] != ["serve"] and "must be set" in line
            if "ROWLOCK__PLANTED" not in line and not needless:
                wrong.append(line)
        found += [f"{name}: {line}" for line in wrong]
    return found


def setting(spec, service, name):
    """Returns a numeric setting of a container, or its default."""
    variable = "ROWLOCK__" + name.upper().replace(".", "__")
    for entry in spec["containers"][0]["env"]:
        if entry["name"] == variable:
            return int(entry["value"])
    section, key = name.split(".")
    return SETTINGS[service][section].get(key, 0)


# --- permissions and shutdown of pods ---

def wrong_rights(docs):
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    users = dict(re.findall(r"^FROM \S+ AS (\S+)\n(?:(?!FROM).*\n)*?USER (\d+)", dockerfile, re.MULTILINE))
    found = []
    for name, _, spec in pods(docs):
        [container] = spec["containers"]
        user = int(users[container["name"]])
        wanted = [
            (spec.get("automountServiceAccountToken"), False, "mounts a token of the cluster's API"),
            (spec["securityContext"], {
                "runAsNonRoot": True, "runAsUser": user, "runAsGroup": user, "fsGroup": user, "seccompProfile": {"type": "RuntimeDefault"},
            }, f"does not run as the image's user {user}, or without a seccomp profile"),
            (container.get("securityContext"), {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }, "has rights that it does not need"),
            (set(container["resources"]["requests"]), {"cpu", "memory"}, "does not say what it needs"),
            (set(container["resources"]["limits"]), {"cpu", "memory"}, "has no limits"),
        ]
        found += [f"{name} {what}" for value, right, what in wanted if value != right]
        seen = {source["secret"]["name"] for volume in spec["volumes"] for source in sources_of(volume)}
        if not seen <= {name, "rowlock-rabbitmq-default-user"}:
            found.append(f"{name} sees the Secret of another")
    return found


def wrong_ends(docs):
    """The grace period of a pod covers the notice, the drain of requests, and the background tasks (5 s)."""
    found = []
    for doc in of_kind(docs, "Deployment"):
        name, spec = doc["metadata"]["name"], doc["spec"]["template"]["spec"]
        needed = (setting(spec, name, "shutdown.notice_ms") + setting(spec, name, "shutdown.drain_ms")) / 1000 + 5
        if spec.get("terminationGracePeriodSeconds", 30) <= needed:
            found.append(f"{name} is killed before the {needed} s that it may need to end")
    return found


def wrong_connections(docs):
    """PostgreSQL allows the connections of all replicas, one extra replica of each during a rollout, and the jobs."""
    most = {name: 1 for name in SERVICES} | {doc["metadata"]["name"]: doc["spec"].get("replicas", 1) for doc in of_kind(docs, "Deployment")}
    for doc in of_kind(docs, "HorizontalPodAutoscaler", "ScaledObject"):
        most[doc["spec"]["scaleTargetRef"]["name"]] = doc["spec"].get("maxReplicas") or doc["spec"]["maxReplicaCount"]
    used = 2 * len(of_kind(docs, "Job"))
    for doc in of_kind(docs, "Deployment"):
        name = doc["metadata"]["name"]
        if name not in STATEFUL:
            continue
        each = setting(doc["spec"]["template"]["spec"], name, "database.pool_size") + MORE_CONNECTIONS[name]
        used += (most[name] + doc["spec"]["strategy"]["rollingUpdate"]["maxSurge"]) * each
    # Three connections are reserved for superusers; the operator, its exporter and the replicas use some.
    allowed = int(of_kind(docs, "Cluster")[0]["spec"]["postgresql"]["parameters"]["max_connections"]) - 13
    return [] if used <= allowed else [f"PostgreSQL allows {allowed} connections, and the pods may open {used}"]


# --- references between the manifests ---

def wrong_references(docs):
    found = []
    # Our pods, and those of RabbitMQ, which have no template here.
    all_pods = [*pods(docs), ("rowlock-rabbitmq", INSIDE["rabbitmq"], {"containers": [{"ports": []}]})]
    ports = {doc["metadata"]["name"]: {port["port"] for port in doc["spec"]["ports"]} for doc in of_kind(docs, "Service")}
    deployments = {doc["metadata"]["name"] for doc in of_kind(docs, "Deployment")}
    for doc in docs:
        name, spec = f"{doc['kind']} {doc['metadata']['name']}", doc.get("spec", {})
        if doc["kind"] != "Namespace" and doc["metadata"].get("namespace") != "rowlock":
            found.append(f"{name} is not in the namespace rowlock")
        if doc["kind"] in ("Service", "PodDisruptionBudget", "PodMonitor"):
            selector = spec["selector"] if doc["kind"] != "Service" else {"matchLabels": spec["selector"]}
            chosen = [(pod, one) for pod, labels, one in all_pods if selects(selector, labels)]
            if [pod for pod, _ in chosen] != [doc["metadata"]["name"]]:
                found.append(f"{name} selects {[pod for pod, _ in chosen]}")
            have = {port["name"] for _, one in chosen for port in one["containers"][0]["ports"]}
            want = {port["targetPort"] for port in spec.get("ports", [])} | {port["port"] for port in spec.get("podMetricsEndpoints", [])}
            found += [f"{name}: there is no port {port}" for port in want - have]
        if doc["kind"] == "ServiceMonitor":
            services = [s for s in of_kind(docs, "Service") if selects(spec["selector"], s["metadata"]["labels"])]
            have = {port["name"] for service in services for port in service["spec"]["ports"]}
            found += [f"{name}: there is no port {end['port']}" for end in spec["endpoints"] if end["port"] not in have]
        if doc["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]["name"]
            if target not in deployments or "replicas" in named(docs, "Deployment", target)["spec"]:
                found.append(f"{name} scales what is not there, or what has a fixed number")
        if doc["kind"] == "HTTPRoute":
            listeners = {listener["name"] for listener in of_kind(docs, "Gateway")[0]["spec"]["listeners"]}
            wanted = {parent["sectionName"] for parent in spec["parentRefs"]}
            found += [f"{name}: there is no listener {listener}" for listener in wanted - listeners]
            ends = [end for rule in spec["rules"] for end in rule.get("backendRefs", [])]
            found += [f"{name}: there is no {end}" for end in ends if end["port"] not in ports.get(end["name"], ())]
    for path, secret, keys in secrets_named(docs):
        known = SECRETS.get(secret)
        if known is None or not keys <= known.keys():
            found.append(f"{path}: nobody makes the Secret {secret} with {sorted(keys)}")
    return found


def secrets_named(docs):
    """Returns every reference to a Secret: its place, the Secret, and the key."""
    for name, _, spec in pods(docs):
        for volume in spec.get("volumes", []):
            for source in sources_of(volume):
                yield name, source["secret"]["name"], {item["key"] for item in source["secret"].get("items", [])}
    for doc in of_kind(docs, "TriggerAuthentication"):
        for reference in doc["spec"]["secretTargetRef"]:
            yield doc["metadata"]["name"], reference["name"], {reference["key"]}
    for doc in of_kind(docs, "Cluster"):
        for role in doc["spec"]["managed"]["roles"]:
            yield role["name"], role["passwordSecret"]["name"], {"username", "password"}
        yield "initdb", doc["spec"]["bootstrap"]["initdb"]["secret"]["name"], {"username", "password"}
    for doc in of_kind(docs, "ObjectStore"):
        for reference in doc["spec"]["configuration"]["s3Credentials"].values():
            yield doc["metadata"]["name"], reference["name"], {reference["key"]}
    for doc in of_kind(docs, "Gateway"):
        for listener in doc["spec"]["listeners"]:
            for reference in listener.get("tls", {}).get("certificateRefs", []):
                yield listener["name"], reference["name"], set()


def wrong_databases(docs):
    """Every URL in the Secrets names a declared database and role, with the password of the role."""
    cluster = of_kind(docs, "Cluster")[0]
    initdb = cluster["spec"]["bootstrap"]["initdb"]
    roles = {role["name"]: role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    roles |= {initdb["owner"]: initdb["secret"]["name"]}
    owners = {doc["spec"]["name"]: doc["spec"]["owner"] for doc in of_kind(docs, "Database")}
    owners |= {initdb["database"]: initdb["owner"]}
    admitted = {}
    for line in cluster["spec"]["postgresql"]["pg_hba"]:
        _, database, users, _, method = line.split()
        for user in users.split(","):
            admitted.setdefault(user, []).append((database, method))
    found = []
    for secret, values in SECRETS.items():
        for key in values.keys() & {"database-url", "migration-url"}:
            role, password, host, database = re.fullmatch(r"postgres://(.+):(.+)@(.+):5432/(.+)", values[key]).groups()
            right = role in roles and SECRETS[roles[role]] == {"username": role, "password": password}
            right = right and host == f"{cluster['metadata']['name']}-rw" and database in owners
            right = right and (role == owners[database]) == (key == "migration-url")
            # The first matching rule applies, so the role can connect to this database only.
            right = right and admitted.get(role) == [(database, "scram-sha-256"), ("all", "reject")]
            if not right:
                found.append(f"{secret}: {key} is not an address of {role} at {database}")
    return found


def wrong_mail_settings(docs):
    """Services that exchange sealed values have the same key, and auth-service and web count on the notifier."""
    keys = {name: SECRETS[name].get("sealing-key") for name in ("auth-service", "booking-service", "notifier")}
    found = [] if len(set(keys.values())) == 1 and all(keys.values()) else [f"the sealing keys differ: {sorted(keys)}"]
    for name, variable in (("auth-service", "ROWLOCK__MAIL__ENABLED"), ("web", "ROWLOCK__SITE__MAIL")):
        env = named(docs, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["env"]
        if {"name": variable, "value": "true"} not in env:
            found.append(f"{name} lacks {variable}")
    return found


# --- the routes ---

def gateway_table():
    """Returns the exact paths and the prefixes of each service in the template of nginx."""
    template = (ROOT / "deploy/gateway/rowlock.conf.template").read_text()
    table = {}
    for pattern, body in re.findall(r"location ~ (?:\(\?s\))?(\^/\S+\$) \{\n(.*?)\n  \}\n", template, re.DOTALL):
        services = set(re.findall(r"proxy_pass [^;]*(auth|booking|notifier)", body))
        # The location of the paths that no service serves has none.
        if not services:
            continue
        [service] = services
        # A path with a parameter in its middle lies below a prefix.
        for path in alternatives(pattern[1:-1].replace("[^/]+", "*")):
            if "*/" in path:
                continue
            exact, below = table.setdefault(service if service == "notifier" else f"{service}-service", (set(), set()))
            if path.endswith(("/.+", "/.*")):
                below.add(path[:-3])
            else:
                exact.add(path)
    # A path that is both exact and a prefix is one prefix in the other table.
    return {service: (exact - below, below) for service, (exact, below) in table.items()}


def alternatives(pattern):
    """Returns the paths that a pattern matches. It consists of literals, `.+`, `.*` and groups of alternatives."""
    group = re.search(r"\(([^()]*)\)", pattern)
    if group:
        return [path for one in group[1].split("|") for path in alternatives(pattern[:group.start()] + one + pattern[group.end():])]
    return [path.replace("\\.", ".") for path in pattern.split("|")]


def route_table(docs):
    table = {}
    for doc in of_kind(docs, "HTTPRoute"):
        for rule in doc["spec"]["rules"]:
            for end in rule.get("backendRefs", []):
                exact, below = table.setdefault(end["name"], (set(), set()))
                for match in rule["matches"]:
                    (exact if match["path"]["type"] == "Exact" else below).add(match["path"]["value"])
    return table


def wrong_routes(docs):
    here, there, found = route_table(docs), gateway_table(), []
    # The web site gets every path that no other service serves.
    if here.pop("web", None) != (set(), {"/"}):
        found.append("the web site does not get the remaining paths")
    for service in here.keys() | there.keys():
        for n, kind in enumerate(("the path", "what is below")):
            mine, theirs = here.get(service, (set(), set()))[n], there.get(service, (set(), set()))[n]
            found += [f"nginx sends {kind} {path} to {service}, and no HTTPRoute does" for path in theirs - mine]
            found += [f"an HTTPRoute sends {kind} {path} to {service}, and nginx does not" for path in mine - theirs]
    for service, (exact, below) in here.items():
        for path in ("/internal/revocations", "/internal", "/health/live", "/health/ready", "/metrics", "/"):
            if path in exact or any(path == prefix or path.startswith(prefix.rstrip("/") + "/") for prefix in below):
                found.append(f"{path} of {service} is public")
    return found


# --- the network ---

# All pods, by name: namespace and labels.
OURS = {name: {"app.kubernetes.io/name": name} for name in (*SERVICES, "auth-migrate", "booking-migrate", "notifier-migrate", "create-admin")}
INSIDE = OURS | {
    "postgres": {"cnpg.io/cluster": "rowlock-postgres"},
    "rabbitmq": {"app.kubernetes.io/name": "rowlock-rabbitmq"},
    "a stranger inside": {"app.kubernetes.io/name": "shell"},
}
OUTSIDE = {
    "gateway": ("envoy-gateway-system", {"gateway.envoyproxy.io/owning-gateway-name": "rowlock"}),
    "another gateway": ("envoy-gateway-system", {"gateway.envoyproxy.io/owning-gateway-name": "other"}),
    "prometheus": ("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "keda": ("keda", {"app": "keda-operator"}),
    "cnpg": ("cnpg-system", {}),
    "dns": ("kube-system", {"k8s-app": "kube-dns"}),
    "a stranger outside": ("default", {"app.kubernetes.io/name": "auth-service"}),
    "the world": (None, {}),
}
PORTS = (
    25, 53, 80, 443, 465, 587, 4369, 5432, 5671, 5672, 6443, 8000, 8081, 8082, 8084, 8085, 9081, 9082, 9083, 9084, 9085, 15672, 15692, 25672, 35672,
)
DATABASE_USERS = tuple(name for name in OURS if name != "web")
ALLOWED = (
    {(who, "dns", 53) for who in INSIDE}
    | {(who, "postgres", 5432) for who in (*DATABASE_USERS, "postgres")}
    | {(who, "rabbitmq", port) for who in (*STATEFUL, "keda") for port in (5671, 5672)}
    | {("auth-service", "booking-service", 8082), ("booking-service", "auth-service", 8081)}
    | {("web", "auth-service", 8081), ("web", "booking-service", 8082), ("gateway", "web", 8084), ("prometheus", "web", 9084)}
    | {("notifier", "auth-service", 8081), ("notifier", "booking-service", 8082), ("prometheus", "notifier", 9085)}
    | {("notifier", "the world", port) for port in (25, 443, 465, 587)}
    | {("gateway", "notifier", 8085), ("web", "notifier", 8085)}
    | {("gateway", "auth-service", 8081), ("gateway", "booking-service", 8082)}
    | {("prometheus", "auth-service", 9081), ("prometheus", "booking-service", 9082), ("prometheus", "reallocation-worker", 9083)}
    | {("postgres", "postgres", 8000), ("cnpg", "postgres", 8000), ("postgres", "the world", 443), ("postgres", "the world", 6443)}
    | {("rabbitmq", "rabbitmq", port) for port in (4369, 25672, 35672)}
)


def place(who):
    return ("rowlock", INSIDE[who]) if who in INSIDE else OUTSIDE[who]


def in_block(block, address):
    excepted = [ipaddress.ip_network(network) for network in block.get("except", [])]
    return address in ipaddress.ip_network(block["cidr"]) and not any(address in network for network in excepted)


def peer_fits(peer, who):
    namespace, labels = place(who)
    if "ipBlock" in peer:
        return namespace is None and in_block(peer["ipBlock"], ipaddress.ip_address("198.51.100.1"))
    # Without a namespace selector, the namespace of the policy is selected.
    spaces = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "rowlock"}})
    there = namespace is not None and selects(spaces, {"kubernetes.io/metadata.name": namespace})
    return there and selects(peer.get("podSelector", {}), labels)


def port_fits(one, port):
    return one["port"] <= port <= one.get("endPort", one["port"])


def one_way(docs, who, other, port, way, peers):
    """Returns whether the policies allow a connection between `who` and `other`; true for a pod without a policy."""
    if who not in INSIDE:
        return True
    about = [doc["spec"] for doc in of_kind(docs, "NetworkPolicy") if selects(doc["spec"]["podSelector"], INSIDE[who])]
    policies = [policy for policy in about if way in policy["policyTypes"]]
    rules = [rule for policy in policies for rule in policy.get(way.lower(), []) if any(port_fits(one, port) for one in rule["ports"])]
    return not policies or any(peer_fits(peer, other) for rule in rules for peer in rule[peers])


def wrong_connections_in_the_network(docs):
    found = []
    for source in (*INSIDE, *OUTSIDE):
        for target in (*INSIDE, *OUTSIDE):
            if source in OUTSIDE and target in OUTSIDE:
                continue
            for port in PORTS:
                may = one_way(docs, source, target, port, "Egress", "to") and one_way(docs, target, source, port, "Ingress", "from")
                if may != ((source, target, port) in ALLOWED):
                    found.append(f"{source} {'reaches' if may else 'does not reach'} {target} on {port}")
    return found


def wrong_mail_servers(docs):
    """Whether an address block selects pods depends on the network, so that of mail servers and receivers excludes their addresses."""
    pods_network = of_kind(docs, "ConfigMap")[0]["data"]["trusted-proxies"]
    inside = ipaddress.ip_network(pods_network).network_address + 1
    rules = named(docs, "NetworkPolicy", "notifier")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    return [f"the notifier reaches {inside} in the cluster" for block in blocks if in_block(block, inside)]


CHECKS = (
    wrong_shapes, wrong_settings, wrong_rights, wrong_ends, wrong_connections, wrong_references, wrong_databases, wrong_routes,
    wrong_connections_in_the_network, wrong_mail_servers, wrong_mail_settings,
)


class Manifests(unittest.TestCase):
    maxDiff = None

    def test_nothing_is_wrong(self):
        for overlay in OVERLAYS:
            for check in CHECKS:
                with self.subTest(overlay, check=check.__name__):
                    self.assertEqual(check(load(overlay)), [])

    def test_the_worker_is_scaled_by_the_queue_that_it_reads(self):
        topology = (ROOT / "crates/messaging/src/amqp/topology.rs").read_text()
        [family] = re.findall(r'Self::of\(settings, "([\w-]+)", vec!\[TICKETS_RELEASED\]\)', topology)
        [version] = re.findall(r'format!\("\{\}\.\{name\}\.(v\d+)", settings\.prefix\)', topology)
        queue = f"{SETTINGS['reallocation-worker']['amqp']['prefix']}.{family}.{version}"
        for overlay in OVERLAYS:
            spec = of_kind(load(overlay), "ScaledObject")[0]["spec"]
            self.assertEqual((spec["triggers"][0]["metadata"]["queueName"], spec["minReplicaCount"]), (queue, 1))

    def test_the_alerts_are_those_that_are_tried(self):
        tried = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
        for overlay in OVERLAYS:
            self.assertEqual([rule["spec"] for rule in of_kind(load(overlay), "PrometheusRule")], [tried])

    def test_local_is_small_and_production_is_safe(self):
        local, production = load("local"), load("production")
        [postgres], [rabbitmq] = of_kind(local, "Cluster"), of_kind(local, "RabbitmqCluster")
        self.assertEqual((postgres["spec"]["instances"], rabbitmq["spec"]["replicas"]), (1, 1))
        images = {spec["containers"][0]["image"] for _, _, spec in pods(local)}
        self.assertEqual(images, {f"rowlock-{service}:local" for service in SERVICES})
        self.assertEqual({listener["protocol"] for listener in of_kind(local, "Gateway")[0]["spec"]["listeners"]}, {"HTTP"})

        [postgres, rabbitmq] = [doc["spec"] for kind in ("Cluster", "RabbitmqCluster") for doc in of_kind(production, kind)]
        self.assertEqual((postgres["instances"], rabbitmq["replicas"]), (3, 3))
        self.assertEqual(postgres["postgresql"]["synchronous"]["dataDurability"], "required")
        [store], [backup] = of_kind(production, "ObjectStore"), of_kind(production, "ScheduledBackup")
        [plugin] = postgres["plugins"]
        self.assertEqual((plugin["isWALArchiver"], plugin["parameters"]["barmanObjectName"]), (True, store["metadata"]["name"]))
        self.assertEqual(backup["spec"]["pluginConfiguration"]["name"], plugin["name"])
        self.assertEqual(backup["spec"]["cluster"]["name"], "rowlock-postgres")
        images = [spec["containers"][0]["image"] for _, _, spec in pods(production)] + [postgres["imageName"], rabbitmq["image"]]
        for image in images:
            self.assertRegex(image, r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$")
        listeners = {listener["name"]: listener for listener in of_kind(production, "Gateway")[0]["spec"]["listeners"]}
        self.assertEqual(listeners["public"]["protocol"], "HTTPS")
        plain = [doc for doc in of_kind(production, "HTTPRoute") if doc["spec"]["parentRefs"][0]["sectionName"] == "plain"]
        self.assertEqual([rule.get("backendRefs") for doc in plain for rule in doc["spec"]["rules"]], [None])


class Planted(unittest.TestCase):
    """Every check finds the error that it was written for."""

    def setUp(self):
        self.docs = copy.deepcopy(load("production"))

    def container(self, name, kind="Deployment"):
        return named(self.docs, kind, name)["spec"]["template"]["spec"]["containers"][0]

    def finds(self, check, text):
        found = check(self.docs)
        self.assertTrue(any(text in line for line in found), f"«{text}» is not in {found}")

    def test_a_setting_that_the_binary_does_not_have(self):
        self.container("booking-service")["env"].append({"name": "ROWLOCK__LANES__COUNTS", "value": "1"})
        self.finds(wrong_settings, "booking-service: lanes.counts (ROWLOCK__LANES__COUNTS): there is no such setting")

    def test_a_setting_of_a_job_that_the_binary_does_not_have(self):
        self.container("auth-migrate", "Job")["env"].append({"name": "ROWLOCK__DATABASE__MIGRATION", "value": "x"})
        self.finds(wrong_settings, "auth-migrate: database.migration (ROWLOCK__DATABASE__MIGRATION): there is no such setting")

    def test_a_value_that_the_binary_does_not_take(self):
        self.container("reallocation-worker")["env"].append({"name": "ROWLOCK__WORKER__PREFETCH", "value": "many"})
        self.finds(wrong_settings, "worker.prefetch")

    def test_a_secret_that_is_not_mounted(self):
        named(self.docs, "Deployment", "auth-service")["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"].pop()
        self.finds(wrong_settings, "the pod has no file /secrets/amqp-url")

    def test_a_field_that_kubernetes_does_not_know(self):
        self.container("auth-service")["readynessProbe"] = {}
        self.finds(wrong_shapes, "readynessProbe")

    def test_a_field_that_a_custom_resource_does_not_have(self):
        named(self.docs, "ScaledObject", "reallocation-worker")["spec"]["minReplicas"] = 1
        self.finds(wrong_shapes, "has no field «minReplicas»")

    def test_a_number_where_a_custom_resource_has_a_text(self):
        named(self.docs, "Cluster", "rowlock-postgres")["spec"]["postgresql"]["parameters"]["max_connections"] = 300
        self.finds(wrong_shapes, "must be an object with texts")

    def test_a_route_that_was_forgotten(self):
        matches = named(self.docs, "HTTPRoute", "booking-service")["spec"]["rules"][0]["matches"]
        matches.remove({"path": {"type": "Exact", "value": "/api/waitlist"}})
        self.finds(wrong_routes, "nginx sends the path /api/waitlist to booking-service, and no HTTPRoute does")

    def test_a_route_that_is_nobodys_business(self):
        matches = named(self.docs, "HTTPRoute", "auth-service")["spec"]["rules"][0]["matches"]
        matches.append({"path": {"type": "PathPrefix", "value": "/internal"}})
        self.finds(wrong_routes, "/internal/revocations of auth-service is public")

    def test_a_pod_that_runs_as_root(self):
        named(self.docs, "Deployment", "auth-service")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0
        self.finds(wrong_rights, "does not run as the image's user 10001")

    def test_a_pod_that_is_killed_while_it_drains(self):
        named(self.docs, "Deployment", "booking-service")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 25
        self.finds(wrong_ends, "booking-service is killed before the 25.0 s")

    def test_more_replicas_than_postgresql_has_connections_for(self):
        named(self.docs, "HorizontalPodAutoscaler", "booking-service")["spec"]["maxReplicas"] = 12
        self.finds(wrong_connections, "the pods may open")

    def test_a_service_that_nobody_answers_for(self):
        named(self.docs, "Service", "auth-service")["spec"]["selector"]["app.kubernetes.io/name"] = "auth"
        self.finds(wrong_references, "Service auth-service selects []")

    def test_a_secret_that_nobody_makes(self):
        named(self.docs, "TriggerAuthentication", "rowlock-rabbitmq")["spec"]["secretTargetRef"][0]["name"] = "rabbitmq"
        self.finds(wrong_references, "nobody makes the Secret rabbitmq")

    def test_a_role_that_gets_into_the_other_database(self):
        del named(self.docs, "Cluster", "rowlock-postgres")["spec"]["postgresql"]["pg_hba"][-1]
        self.finds(wrong_databases, "is not an address of rowlock_auth at rowlock_auth")

    def test_a_policy_that_lets_too_much_through(self):
        named(self.docs, "NetworkPolicy", "rabbitmq")["spec"]["ingress"][0]["ports"][0] |= {"port": 1, "endPort": 65535}
        self.finds(wrong_connections_in_the_network, "keda reaches rabbitmq on 15672")

    def test_a_policy_that_is_missing(self):
        self.docs.remove(named(self.docs, "NetworkPolicy", "jobs"))
        self.finds(wrong_connections_in_the_network, "auth-migrate does not reach postgres on 5432")

    def test_a_policy_that_lets_mails_into_the_cluster(self):
        rule = named(self.docs, "NetworkPolicy", "notifier")["spec"]["egress"][-1]
        del rule["to"][0]["ipBlock"]["except"]
        self.finds(wrong_mail_servers, "the notifier reaches 10.244.0.1 in the cluster")

    def test_a_site_that_does_not_offer_mail(self):
        self.container("web")["env"].remove({"name": "ROWLOCK__SITE__MAIL", "value": "true"})
        self.finds(wrong_mail_settings, "web lacks ROWLOCK__SITE__MAIL")

    def test_no_default(self):
        self.docs.remove(named(self.docs, "NetworkPolicy", "default-deny"))
        self.finds(wrong_connections_in_the_network, "a stranger outside reaches a stranger inside on 80")


if __name__ == "__main__":
    unittest.main()
