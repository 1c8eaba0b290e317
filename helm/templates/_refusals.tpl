{{/* What no schema can say: values that do not go together. All of them are named at once, each with what would be
     right. The Deployment includes it, so nothing is rendered past it. */}}
{{- define "wagroups.refuse" -}}
{{- $problems := list }}
{{- with .Values }}
{{- if and (gt (int .replicaCount) 1) (not .cluster.enabled) }}
{{- $problems = append $problems (printf "replicaCount: %d pods that do not know of each other would take the database over from each other for ever. Set cluster.enabled=true (on PostgreSQL), or replicaCount=1" (int .replicaCount)) }}
{{- end }}
{{- if and .cluster.enabled (eq .database.type "sqlite") }}
{{- $problems = append $problems "cluster: a file has one process. Several pods share a PostgreSQL: database.type=postgres; or leave cluster off" }}
{{- end }}
{{- if and .cluster.enabled (hasPrefix "[" .listenAddress) (not .cluster.ipFamily) }}
{{- $problems = append $problems (printf "cluster.ipFamily: listenAddress=%s takes both families; of which are the pods' own addresses? IPv6, which are written in brackets then, or IPv4 in a cluster of two stacks whose first is that. `kubectl get pods --output wide` shows them" .listenAddress) }}
{{- end }}
{{- if and .cluster.enabled (eq .cluster.ipFamily "IPv6") (not (hasPrefix "[" .listenAddress)) }}
{{- $problems = append $problems (printf "cluster.ipFamily: nothing listens on IPv6 with listenAddress=%s; set listenAddress=\"[::]\"" .listenAddress) }}
{{- end }}
{{- with .autoscaling }}
{{- if and .enabled (not $.Values.cluster.enabled) }}
{{- $problems = append $problems "autoscaling: pods that do not know of each other would take the database over from each other for ever. Set cluster.enabled=true, on PostgreSQL" }}
{{- end }}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) }}
{{- $problems = append $problems (printf "autoscaling: maxReplicas=%d is less than minReplicas=%d" (int .maxReplicas) (int .minReplicas)) }}
{{- end }}
{{- if and .enabled (not (dig "requests" "cpu" "" $.Values.resources)) }}
{{- $problems = append $problems "autoscaling: it compares the load with resources.requests.cpu, which is not set" }}
{{- end }}
{{- end }}
{{- $pods := .autoscaling.enabled | ternary .autoscaling.minReplicas .replicaCount | int }}
{{- if and (include "wagroups.isSeveral" $) (ne .podDisruptionBudget.enabled false) (ge (int .podDisruptionBudget.minAvailable) $pods) }}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable: %d of %d pods would hold up every drain of a node" (int .podDisruptionBudget.minAvailable) $pods) }}
{{- end }}

{{- if eq .database.type "postgres" }}
{{- if and (not .database.url) (not .database.existingSecret) }}
{{- $problems = append $problems (printf "database: where is it? Make a Secret and name it: kubectl create secret generic NAME --from-literal=%s=postgres://USER:PASSWORD@HOST:5432/NAME, then database.existingSecret=NAME; or database.type=sqlite for a file on a volume" .database.secretKey) }}
{{- else if and .database.url .database.existingSecret }}
{{- $problems = append $problems "database: either url or existingSecret, not both" }}
{{- end }}
{{- else if or .database.url .database.existingSecret }}
{{- $problems = append $problems "database: type sqlite keeps a file on its volume; leave url and existingSecret out, or set type=postgres" }}
{{- end }}

{{- if and (not .auth.keys) (not .auth.existingSecret) }}
{{- $problems = append $problems (printf "auth: who may call? Without API keys the service refuses to be reached from outside of its pod. Make a key with `wagroups api-key new NAME`, then a Secret with its hash: kubectl create secret generic NAME --from-literal=%s=NAME:SHA256:*, and set auth.existingSecret=NAME" .auth.secretKey) }}
{{- else if and .auth.keys .auth.existingSecret }}
{{- $problems = append $problems "auth: either keys or existingSecret, not both" }}
{{- end }}
{{- $names := list }}
{{- range .auth.keys }}
{{- if has .name $names }}
{{- $problems = append $problems (printf "auth.keys: the name %s stands twice" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}

{{- range .auth.certificates }}
{{- if has .name $names }}
{{- $problems = append $problems (printf "auth.certificates: the name %s stands twice" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- if and .auth.certificates (eq .tls.clientAuth "none") }}
{{- $problems = append $problems "auth.certificates: no client is asked for a certificate; set tls.clientAuth to optional or required" }}
{{- end }}

{{- with .tls }}
{{- if and (not .existingSecret) (or (ne .clientAuth "none") .clientCASecret $.Values.ops.tls) }}
{{- $problems = append $problems "tls: with which certificate? Set tls.existingSecret to a Secret with tls.crt and tls.key, or leave tls.clientAuth, tls.clientCASecret and ops.tls out" }}
{{- end }}
{{- if and .existingSecret (ne .clientAuth "none") (not .clientCASecret) (not .privateCA) }}
{{- $problems = append $problems "tls.clientCASecret: whose certificates may clients show? A certificate of a public authority comes without a ca.crt; name a Secret that has it" }}
{{- end }}
{{- if and .clientCASecret (eq .clientAuth "none") }}
{{- $problems = append $problems "tls.clientCASecret: is for clients' certificates, which nobody is asked for; set tls.clientAuth to optional or required" }}
{{- end }}
{{- if and .existingSecret (not $.Values.ops.enabled) }}
{{- $problems = append $problems "tls: Kubernetes' probes speak no gRPC with TLS, and ask ops instead; set ops.enabled=true" }}
{{- end }}
{{- if and .existingSecret $.Values.ops.tls (eq .clientAuth "required") }}
{{- $problems = append $problems "ops.tls: Kubernetes' probes have no certificate to show; set ops.tls=false, or tls.clientAuth=optional" }}
{{- end }}
{{- end }}
{{- if and .cluster.tls.existingSecret (not .cluster.enabled) }}
{{- $problems = append $problems "cluster.tls: needs cluster.enabled=true, without which there is one pod and nothing between pods" }}
{{- end }}

{{- with .nats }}
{{- if and (or .tokenKey .credentialsKey .certKey .certPrivateKey) (not .existingSecret) }}
{{- $problems = append $problems "nats: what the relay logs in with is in which Secret? Set nats.existingSecret" }}
{{- end }}
{{- if and (or .existingSecret .tokenKey .credentialsKey .certKey .certPrivateKey) (not .url) }}
{{- $problems = append $problems "nats: needs nats.url, without which the log is handed to none" }}
{{- end }}
{{- if and .tokenKey .credentialsKey }}
{{- $problems = append $problems "nats: either tokenKey or credentialsKey, not both" }}
{{- end }}
{{- if ne (empty .certKey) (empty .certPrivateKey) }}
{{- $problems = append $problems "nats: certKey and certPrivateKey go together" }}
{{- end }}
{{- end }}
{{- $names = list }}
{{- range .waha.servers }}
{{- if and .secretKey (not $.Values.waha.existingSecret) }}
{{- $problems = append $problems (printf "waha.servers: the key of %s is in which Secret? Set waha.existingSecret to the one that has %s" .name .secretKey) }}
{{- end }}
{{- if has .name $names }}
{{- $problems = append $problems (printf "waha.servers: the name %s stands twice" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}

{{- $listeners := include "wagroups.listeners" $ | fromJsonArray }}
{{- $ports := dict }}
{{- range $listeners }}
{{- $port := printf "%d" (int .port) }}
{{- if hasKey $ports $port }}
{{- $problems = append $problems (printf "%s.port: %s is %s's already" .name $port (get $ports $port)) }}
{{- end }}
{{- $_ := set $ports $port .name }}
{{- if and .service.headless (ne .service.type "ClusterIP") }}
{{- $problems = append $problems (printf "%s.service: headless goes with type ClusterIP only; it is %s" .name .service.type) }}
{{- end }}
{{- if and .service.nodePort (eq .service.type "ClusterIP") }}
{{- $problems = append $problems (printf "%s.service.nodePort: goes with type NodePort or LoadBalancer" .name) }}
{{- end }}
{{- end }}

{{- range $listener := $listeners }}
{{- if ne .service.type "LoadBalancer" }}
{{- range list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- if index $listener.service . }}
{{- $problems = append $problems (printf "%s.service.%s: goes with type LoadBalancer; it is %s" $listener.name . $listener.service.type) }}
{{- end }}
{{- end }}
{{- if and .service.externalTrafficPolicy (eq .service.type "ClusterIP") }}
{{- $problems = append $problems (printf "%s.service.externalTrafficPolicy: goes with type NodePort or LoadBalancer" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{- $grace := trimSuffix "s" (default "25s" .settings.shutdown.grace) | int }}
{{- $before := .cluster.enabled | ternary .cluster.preStopSeconds 0 | int }}
{{- if lt (int .terminationGracePeriodSeconds) (add $grace $before 10 | int) }}
{{- $and := .cluster.enabled | ternary (printf " and cluster.preStopSeconds=%d" $before) "" }}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds: %d is too short for settings.shutdown.grace=%ds%s: it needs 10 seconds more, or Kubernetes kills the service while calls run, and their outcome is unknown" (int .terminationGracePeriodSeconds) $grace $and) }}
{{- end }}

{{- range $name := list "grpc" "rest" "webhook" }}
{{- $listener := index $.Values $name }}
{{- if $listener.ingress.enabled }}
{{- if and (ne $name "grpc") (not $listener.enabled) }}
{{- $problems = append $problems (printf "%s.ingress: it would lead to a listener that is off; set %s.enabled=true" $name $name) }}
{{- end }}
{{- if not $listener.ingress.hosts }}
{{- $problems = append $problems (printf "%s.ingress.hosts: an Ingress needs one at least, [{host: …}]" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .grpcRoute.enabled (not .grpcRoute.parentRefs) }}
{{- $problems = append $problems "grpcRoute.parentRefs: a route hangs on a Gateway; name it, [{name: …}]" }}
{{- end }}

{{- if and .networkPolicy.enabled (not .networkPolicy.egress.dnsPorts) }}
{{- $problems = append $problems "networkPolicy.egress.dnsPorts: on which ports does DNS listen? [53], on OpenShift [53, 5353]; a rule without one would open every port" }}
{{- end }}
{{- if and .networkPolicy.enabled .networkPolicy.egress.webhooks (not .networkPolicy.egress.webhookPorts) }}
{{- $problems = append $problems "networkPolicy.egress.webhookPorts: which ports have the URLs of webhooks? [80, 443]; a rule without one would open every port" }}
{{- end }}

{{- range list "serviceMonitor" "prometheusRule" }}
{{- if and (index $.Values .).enabled (not $.Values.ops.enabled) }}
{{- $problems = append $problems (printf "%s: metrics are served by ops, which is off; set ops.enabled=true" .) }}
{{- end }}
{{- end }}

{{- $ours := list "WAGROUPS_CONFIG" "WAGROUPS_DATABASE__URL" "WAGROUPS_AUTH__KEYS" "WAGROUPS_AUTH__CERTIFICATES" "WAGROUPS_WAHA__SERVERS" "WAGROUPS_GRPC__LISTEN" "WAGROUPS_REST__LISTEN" "WAGROUPS_WAHA_INGRESS__LISTEN" "WAGROUPS_OPS__LISTEN" "WAGROUPS_CLUSTER__LISTEN" "WAGROUPS_CLUSTER__ADDRESS" "WAGROUPS_CLUSTER__SECRET_FILE" "WAGROUPS_CLUSTER__CERT_FILE" "WAGROUPS_CLUSTER__KEY_FILE" "WAGROUPS_CLUSTER__CA_FILE" "WAGROUPS_CLUSTER__SERVER_NAME" "WAGROUPS_TLS__CERT_FILE" "WAGROUPS_TLS__KEY_FILE" "WAGROUPS_TLS__CLIENT_CA_FILE" "WAGROUPS_TLS__CLIENT_AUTH" "WAGROUPS_OPS__TLS" "WAGROUPS_NATS__URL" "WAGROUPS_NATS__TOKEN_FILE" "WAGROUPS_NATS__CREDENTIALS_FILE" "WAGROUPS_NATS__CERT_FILE" "WAGROUPS_NATS__KEY_FILE" }}
{{- range .extraEnv }}
{{- if has .name $ours }}
{{- $problems = append $problems (printf "extraEnv: %s is set by the chart; use database, auth, waha, nats, tls, cluster, or the listener's own values" .name) }}
{{- else if and (eq .name "POD_IP") $.Values.cluster.enabled }}
{{- $problems = append $problems "extraEnv: POD_IP is set by the chart, of which the pods' addresses for each other are made" }}
{{- else if hasPrefix "WAGROUPS_WEBHOOK__" .name }}
{{- $problems = append $problems (printf "extraEnv: %s has a new name, %s" .name (replace "_WEBHOOK__" "_WAHA_INGRESS__" .name)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "%d of the values cannot be used:\n  %s\n" (len $problems) (join "\n  " $problems)) }}
{{- end }}
{{- end }}
