{{/* A container with the agent's program. Takes: root, name, args, and port (empty: no probes). */}}
{{- define "agent.container" -}}
- name: {{ .name }}
  image: {{ include "agent.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [{{ join ", " .args }}, --config, /etc/weka-cpuset/config.yaml]
  {{- if .port }}
  ports:
    - name: http
      containerPort: {{ .port }}
  livenessProbe:
    httpGet:
      path: /healthz
      port: http
    periodSeconds: {{ .root.Values.probes.periodSeconds }}
    failureThreshold: {{ max 1 (div .root.Values.probes.livenessSeconds .root.Values.probes.periodSeconds) }}
  readinessProbe:
    httpGet:
      path: /readyz
      port: http
    periodSeconds: {{ .root.Values.probes.periodSeconds }}
  {{- end }}
  {{- with .root.Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    # The runtime's socket and the cgroup files belong to root; nothing else of root is needed.
    runAsUser: 0
    runAsGroup: 0
    privileged: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
    {{- with .root.Values.seLinuxOptions }}
    seLinuxOptions:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  volumeMounts:
    - name: settings
      mountPath: /etc/weka-cpuset
      readOnly: true
    - name: nri
      mountPath: {{ dir .root.Values.settings.nri.socket | quote }}
      readOnly: true
    # Only this part of sysfs: a read-only mount of the whole would leave those below it,
    # such as the cgroups, writable.
    - name: machine
      mountPath: {{ printf "%s/devices/system" .root.Values.settings.sysfs | quote }}
      readOnly: true
    - name: cgroups
      mountPath: {{ .root.Values.settings.cgroups | quote }}
      readOnly: {{ ne (include "agent.writesCgroups" .root) "true" }}
    {{- with .root.Values.dataFolder }}
    - name: data
      mountPath: {{ . | quote }}
    {{- end }}
{{- end }}
