{{/* What no schema can say: values that do not go together. All of them are named at once, each with what would be
     right. The Deployment includes it, so nothing is rendered past it. */}}
{{- define "wagroups.refuse" -}}
{{- $problems := list }}
{{- with .Values }}
{{- if gt (int .replicaCount) 1 }}
{{- $problems = append $problems "replicaCount: 1 at most. Two processes on one database are not in this version: each start takes the database over, and the process before it exits" }}
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
{{- if lt (int .terminationGracePeriodSeconds) (add $grace 10 | int) }}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds: %d is too short for settings.shutdown.grace=%ds: it needs 10 seconds more, or Kubernetes kills the service while calls run, and their outcome is unknown" (int .terminationGracePeriodSeconds) $grace) }}
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

{{- $ours := list "WAGROUPS_CONFIG" "WAGROUPS_DATABASE__URL" "WAGROUPS_AUTH__KEYS" "WAGROUPS_WAHA__SERVERS" "WAGROUPS_GRPC__LISTEN" "WAGROUPS_REST__LISTEN" "WAGROUPS_WAHA_INGRESS__LISTEN" "WAGROUPS_OPS__LISTEN" }}
{{- range .extraEnv }}
{{- if has .name $ours }}
{{- $problems = append $problems (printf "extraEnv: %s is set by the chart; use database, auth, waha, or the listener's own values" .name) }}
{{- else if hasPrefix "WAGROUPS_WEBHOOK__" .name }}
{{- $problems = append $problems (printf "extraEnv: %s has a new name, %s" .name (replace "_WEBHOOK__" "_WAHA_INGRESS__" .name)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "%d of the values cannot be used:\n  %s\n" (len $problems) (join "\n  " $problems)) }}
{{- end }}
{{- end }}
