{{/* The name of everything: there is one agent on a node, so there is one release in a cluster. */}}
{{- define "agent.name" -}}
weka-nri-cpuset
{{- end }}

{{- define "agent.labels" -}}
app: {{ include "agent.name" . }}
app.kubernetes.io/name: {{ include "agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "agent.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "agent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "agent.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{/* The port of HTTP; empty if there is none that anybody outside of the pod could reach. */}}
{{- define "agent.port" -}}
{{- $listen := .Values.settings.http.listen -}}
{{- if and $listen (not (hasPrefix "/" $listen)) (not (regexMatch "^(127\\.|localhost:|\\[::1\\])" $listen)) -}}
{{ regexFind "[0-9]+$" $listen }}
{{- end -}}
{{- end }}

{{/* Whether the agent writes cgroup files. */}}
{{- define "agent.writesCgroups" -}}
{{- $way := dig "settle" "way" "auto" .Values.settings -}}
{{- and (has $way (list "auto" "cgroup")) (not (dig "dry_run" false .Values.settings)) -}}
{{- end }}

{{/* Whether the agent tells Kubernetes of refusals and moves. */}}
{{- define "agent.tellsKubernetes" -}}
{{- and .Values.settings.kubernetes.events (not .Values.release) (not (dig "dry_run" false .Values.settings)) -}}
{{- end }}

{{/* Refuse files that the agent could not write: its root file system is read-only. */}}
{{- define "agent.checkFiles" -}}
{{- $folder := .Values.dataFolder -}}
{{- range $key := list "log" "record" "journal" -}}
{{- $file := dig $key "file" "" $.Values.settings -}}
{{- if and $file (or (not $folder) (not (hasPrefix (printf "%s/" $folder) $file))) -}}
{{- fail (printf "settings.%s.file: %q is not in dataFolder, the only folder that the agent can write" $key $file) -}}
{{- end -}}
{{- end -}}
{{- $listen := .Values.settings.http.listen -}}
{{- if and (hasPrefix "/" $listen) (or (not $folder) (not (hasPrefix (printf "%s/" $folder) $listen))) -}}
{{- fail (printf "settings.http.listen: %q is not in dataFolder, the only folder that the agent can write" $listen) -}}
{{- end -}}
{{- end }}
