{{/* The listeners that are on, in the order of their ports' meaning, as JSON: [{name, setting, port, service}].
     Everything that speaks of ports (pod, Services, policy, Ingress) goes through this list. `setting` is the section of
     the program's settings; it is named otherwise where that name would mislead: an ingress is something else here. */}}
{{- define "wagroups.listeners" -}}
{{- $on := list (dict "name" "grpc" "setting" "grpc" "port" .Values.grpc.port "service" .Values.grpc.service) }}
{{- range $name := list "rest" "webhook" "ops" }}
{{- $listener := index $.Values $name }}
{{- if $listener.enabled }}
{{- $on = append $on (dict "name" $name "setting" (eq $name "webhook" | ternary "waha_ingress" $name) "port" $listener.port "service" $listener.service) }}
{{- end }}
{{- end }}
{{- if .Values.cluster.enabled }}
{{- /* Pods look each other up by their addresses, those that are not ready too: who stops still has calls to finish. */}}
{{- $service := dict "type" "ClusterIP" "headless" true "publishNotReadyAddresses" true "appProtocol" "kubernetes.io/h2c" }}
{{- $on = append $on (dict "name" "cluster" "setting" "cluster" "port" .Values.cluster.port "service" $service) }}
{{- end }}
{{- range $on }}
{{- if or (and (eq .name "cluster") $.Values.cluster.tls.existingSecret) (and (ne .name "cluster") $.Values.tls.existingSecret (or (ne .name "ops") $.Values.ops.tls)) }}
{{- /* What the values say of the protocol is without TLS, unless somebody has said otherwise. */}}
{{- $service := deepCopy .service }}
{{- if has $service.appProtocol (list "http" "kubernetes.io/h2c") }}
{{- $_ := set $service "appProtocol" "https" }}
{{- end }}
{{- $_ := set . "service" $service }}
{{- end }}
{{- end }}
{{- toJson $on }}
{{- end }}

{{/* A name in the service's certificate. */}}
{{- define "wagroups.tlsServerName" -}}
{{- default (printf "%s.%s.svc" (include "wagroups.serviceName" (list . "grpc")) .Release.Namespace) .Values.tls.serverName }}
{{- end }}

{{/* The Service of a listener; called with (list $ name). gRPC's is the release's. */}}
{{- define "wagroups.serviceName" -}}
{{- $name := index . 1 }}
{{- include "wagroups.fullname" (index . 0) }}{{ if ne $name "grpc" }}-{{ $name }}{{ end }}
{{- end }}
