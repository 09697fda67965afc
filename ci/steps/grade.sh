#!/usr/bin/env bash
# Grades one lab in a CI job: makes the kind cluster, puts the starting state and the student's manifests into it,
# runs `labgrade check`, and publishes what came of it. Called by action.yml and by the GitLab template.
#
# Exit codes are those of `labgrade check`, less what LAB_FAIL_ON lets pass: 0 everything earned, 1 points missing,
# 2 wrong usage, 3 the harness could not do its work, 130 interrupted.
#
# What it reads from the environment (docs/ci.md explains each): LAB, LAB_MANIFESTS, LAB_NAMESPACE, LAB_LANG,
# LAB_COURSE, LAB_ARGS, LAB_STEPS, LAB_FAIL_ON, LAB_NOTICES, LAB_KUBECONFIG, LAB_CONTEXT, LAB_OUT, LAB_VENV.
#
# File names, manifests and what kubectl says of them are the student's: they are quoted, cleaned of control
# characters, shown only where GitHub obeys no commands, and never run unless LAB_STEPS says so.
set -euo pipefail
export LC_ALL=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1
unset CDPATH

readonly FINE=0 FINDINGS=1 USAGE=2 HARNESS=3
readonly FILES=(result.json junit.xml report.html summary.md classroom.json labgrade.log)
readonly REQUEST=60s STEPS_SECONDS=600
readonly MANIFEST_BYTES=1048576 # what the API server stores of one object is no larger
readonly MOST_MANIFESTS=100
readonly SHOWN_LINES=12      # of what a program says of one manifest
readonly SUMMARY_BYTES=100000 # of all notes; GitHub takes 1 MiB, of which labgrade's own summary may need most

home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
readonly home
root=${GITHUB_WORKSPACE:-${CI_PROJECT_DIR:-$PWD}}
work='' token='' namespace='' cluster_name='' cni=''
reach=() # the options that lead kubectl and labgrade to the cluster
of_course=() # likewise to a course that is not labgrade's own
applied=0

# -- words ------------------------------------------------------------------------------------------------------------

text() { # EN FR: the one in the job's language
  if [ "$lang" = fr ]; then printf '%s' "$2"; else printf '%s' "$1"; fi
}

clean() { # stdin without control characters, and without what turns the direction of writing; newlines and tabs stay
  LC_ALL=C tr -d '\000-\010\013-\037\177' |
    LC_ALL=C sed -e $'s/\xc2[\x80-\x9f]//g' -e $'s/\xe2\x80[\x8b-\x8f\xa8-\xae]//g' -e $'s/\xe2\x81[\xa0-\xaf]//g'
}

line() { # a name or a value in one clean line
  printf '%s' "$1" | tr '\n\t' '  ' | clean
}

misuse() { # one sentence; the job's own settings are wrong
  printf 'labgrade: %s\n' "$(line "$1")" >&2
  exit "$USAGE"
}

note() { # SENTENCE NAME [FILE]: for summary and log: words of ours, then a name and a program's words, of the student
  printf '\n%s\n\n' "$1" >>"$work/notes.md"
  printf '%s\n' "$1"
  {
    [ -z "$2" ] || { line "$2" && echo; }
    [ -z "${3:-}" ] || clean <"$3" | tail -n "$SHOWN_LINES" | sed -E 's/^(.{300}).*/\1…/'
  } | sed 's/^/    /' | tee -a "$work/notes.md" # four spaces: Markdown takes such a line for text and nothing else
}

on_github() { [ "${GITHUB_ACTIONS:-}" = true ]; }

hush() { # from here on GitHub obeys no commands in the log: student's words follow
  on_github || return 0
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
}

unhush() {
  [ -n "$token" ] || return 0
  printf '\n::%s::\n' "$token"
  token=''
}

# -- what is asked ----------------------------------------------------------------------------------------------------

one_of() { # NAME VALUE ALLOWED...
  local name=$1 value=$2 allowed
  shift 2
  for allowed; do [ "$value" != "$allowed" ] || return 0; done
  misuse "$name is '$value'; it can be: $*"
}

absolute() { # a path that the job gives, seen from the checkout
  if [[ $1 = /* ]]; then printf '%s' "$1"; else printf '%s/%s' "$root" "$1"; fi
}

of_lab() { # KEY: its value in the lab's lab.yaml, empty where it has none
  sed -nE "s/^$1: *[\"']?([a-z0-9.-]+)[\"']? *(#.*)?\$/\\1/p" "$course/labs/$LAB/lab.yaml" | head -n 1
}

read_settings() {
  lang=${LAB_LANG:-en} fail_on=${LAB_FAIL_ON:-findings} steps=${LAB_STEPS:-false} notices=${LAB_NOTICES:-true}
  one_of LAB_LANG "$lang" en fr
  one_of LAB_FAIL_ON "$fail_on" findings harness never
  one_of LAB_STEPS "$steps" true false
  one_of LAB_NOTICES "$notices" true false
  [[ ${LAB:-} =~ ^[a-z0-9][a-z0-9-]{0,62}$ ]] ||
    misuse "LAB is '${LAB:-}'; it names a lab, such as b01-deployment-labels"
  [ -z "${LAB_VENV:-}" ] || PATH=$LAB_VENV/bin:$PATH
  read_lab
  find_folder
  out=$(absolute "${LAB_OUT:-labgrade-results}")
  # Split at blanks, and nothing else: no pattern is expanded, nothing is run.
  read -rd '' -a extra <<<"${LAB_ARGS:-}" || true
}

read_lab() {
  course=$home
  if [ -n "${LAB_COURSE:-}" ]; then
    course=$(cd -- "$root" && cd -- "$LAB_COURSE" 2>/dev/null && pwd -P) ||
      misuse "LAB_COURSE: there is no folder $LAB_COURSE"
    [[ $course != "$root" ]] || misuse "LAB_COURSE is the student's own folder, whose checks do not grade"
    of_course=(--course "$course")
  fi
  [ -f "$course/labs/$LAB/lab.yaml" ] || misuse "LAB: there is no lab $LAB; there are: $(cd "$course/labs" && echo *-*)"
  namespace=${LAB_NAMESPACE:-$(of_lab namespace)} cluster_name=$(of_lab cluster) cni=$(of_lab cni)
  [[ $namespace =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] ||
    misuse "LAB_NAMESPACE: '$namespace' is no name of a namespace"
}

find_folder() { # where the student's manifests are: below the checkout, also when a link says otherwise
  local wanted=${LAB_MANIFESTS:-} real
  if [ -z "$wanted" ]; then
    if [ -d "$root/answer" ]; then wanted=answer; else wanted=.; fi
  fi
  real=$(cd -- "$root" && pwd -P)
  folder=$(cd -- "$root" && cd -- "$wanted" 2>/dev/null && pwd -P) ||
    misuse "LAB_MANIFESTS: there is no folder $wanted in $root"
  [[ $folder/ = "$real"/* ]] || misuse "LAB_MANIFESTS: $wanted leads out of the checkout"
}

# -- the cluster and what goes into it ---------------------------------------------------------------------------------

make_cluster() { # sets `reach`; 0, or how `labgrade` ended
  local code=0
  if [ -n "${LAB_KUBECONFIG:-}${LAB_CONTEXT:-}" ]; then
    [ -z "${LAB_KUBECONFIG:-}" ] || reach+=(--kubeconfig "$(absolute "$LAB_KUBECONFIG")")
    [ -z "${LAB_CONTEXT:-}" ] || reach+=(--context "$LAB_CONTEXT")
    # A lab that begins by making its cluster is begun already by whoever made this one.
    if [ -n "$cluster_name" ]; then make_namespace; else start_lab; fi
    return
  fi
  export KUBECONFIG=$work/kubeconfig
  if [ -n "$cluster_name" ]; then
    make_own_cluster
    return
  fi
  labgrade up ${cni:+--cni "$cni"} "${of_course[@]}" 2>"$work/said" || code=$?
  [ "$code" = 0 ] || { trouble "$code"; return; }
  reach=(--kubeconfig "$KUBECONFIG")
  start_lab
}

make_own_cluster() { # for a lab about a cluster: from the student's kind.yaml, else from the lab's
  local code=0
  if [ ! -f "$folder/kind.yaml" ] || [ -L "$folder/kind.yaml" ]; then
    start_lab || return
    reach=(--kubeconfig "$KUBECONFIG")
    return
  fi
  labgrade up --name "$cluster_name" --config "$folder/kind.yaml" "${of_course[@]}" 2>"$work/said" || code=$?
  if [ "$code" = "$USAGE" ]; then
    note "$(text 'kind does not take this file:' "kind n'accepte pas le fichier :")" kind.yaml "$work/said"
    return "$FINDINGS"
  fi
  [ "$code" = 0 ] || { trouble "$code"; return; }
  reach=(--kubeconfig "$KUBECONFIG")
  make_namespace
}

make_namespace() { # where it is missing, and where no command of labgrade's does it
  kubectl get namespace "$namespace" "${reach[@]}" --request-timeout "$REQUEST" >"$work/said" 2>&1 ||
    kubectl create namespace "$namespace" "${reach[@]}" --request-timeout "$REQUEST" 2>"$work/said" ||
    trouble "$HARNESS"
}

start_lab() { # the lab's namespace, with what students begin with
  local code=0
  labgrade start "$LAB" --quiet --yes --lang "$lang" --namespace "$namespace" "${of_course[@]}" "${reach[@]}" \
    2>"$work/said" || code=$?
  [ "$code" = 0 ] || trouble "$code"
}

trouble() { # CODE: tells what a program said last, and ends like it
  note "$(text 'Nothing could be graded:' "Rien n'a pu être évalué :")" '' "$work/said"
  return "$1"
}

ordered() { # the manifests of the folder, each ended by a zero byte: 2-a before 10-b, then those without a number
  local path number
  for path in "$folder"/*.yaml "$folder"/*.yml; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    number=9999999999
    [[ ${path##*/} =~ ^0*([0-9]{1,9})- ]] && number=$(printf '%010d' "${BASH_REMATCH[1]}")
    printf '%s %s\0' "$number" "${path##*/}"
  done | sort -z | while read -rd '' number path; do printf '%s\0' "$path"; done
}

apply_manifests() { # what is not accepted is the student's: it is told, and the rest goes on
  local name path found=0
  while IFS= read -rd '' name <&3; do
    path=$folder/$name
    case $name in
      kind.yaml | mistake.yaml) continue ;;
    esac
    found=$((found + 1))
    if [ "$found" -gt "$MOST_MANIFESTS" ]; then
      note "$(text "More than $MOST_MANIFESTS manifests; left out from here on:" \
        "Plus de $MOST_MANIFESTS manifestes ; ignorés à partir d'ici :")" "$name"
      break
    fi
    if [ -L "$path" ] || [ ! -f "$path" ]; then
      note "$(text 'Left out, since it is a link or no file:' \
        "Ignoré, car c'est un lien ou autre chose qu'un fichier :")" "$name"
    elif [ "$(wc -c <"$path")" -gt "$MANIFEST_BYTES" ]; then
      note "$(text 'Left out, since it is larger than 1 MiB:' 'Ignoré, car il dépasse 1 Mio :')" "$name"
    elif kubectl apply "${reach[@]}" --namespace "$namespace" --request-timeout "$REQUEST" --filename "$path" \
      >"$work/said" 2>&1 </dev/null; then
      clean <"$work/said"
      applied=$((applied + 1))
    else
      note "$(text 'Not accepted as it stands:' 'Pas accepté tel quel :')" "$name" "$work/said"
    fi
  done 3< <(ordered)
  [ "$applied" -gt 0 ] || [ -n "$cluster_name" ] ||
    note "$(text 'None of the manifests of this folder is in the cluster:' \
      "Aucun manifeste de ce dossier n'est dans le cluster :")" "$(shown_folder)"
}

shown_folder() { # as the student knows it
  local real
  real=$(cd -- "$root" && pwd -P)
  if [ "$folder" = "$real" ]; then echo .; else printf '%s\n' "${folder#"$real"/}"; fi
}

run_steps() { # steps.sh of the student, with kubectl and nothing of the job's
  [ -f "$folder/steps.sh" ] || return 0
  if [ "$steps" != true ] || [ -L "$folder/steps.sh" ]; then
    note "$(text 'Not run, since this job takes no scripts:' \
      "Pas exécuté, car ce job n'accepte pas de scripts :")" steps.sh
    return 0
  fi
  local own=$work/steps
  mkdir "$own"
  kubectl config view "${reach[@]}" --raw --minify --flatten >"$own/kubeconfig"
  kubectl config set-context --current --kubeconfig "$own/kubeconfig" --namespace "$namespace" >/dev/null
  cp -- "$folder/steps.sh" "$own/steps.sh"
  if (cd "$own" && env -i PATH="$PATH" HOME="$own" LC_ALL=C.UTF-8 KUBECONFIG="$own/kubeconfig" NAMESPACE="$namespace" \
    timeout --kill-after=10 "$STEPS_SECONDS" bash -eu steps.sh) >"$work/said" 2>&1 </dev/null; then
    clean <"$work/said" | tail -n "$SHOWN_LINES"
  else
    note "$(text 'It did not run to its end:' "Il ne s'est pas exécuté jusqu'au bout :")" steps.sh "$work/said"
  fi
}

# -- grading and publishing -------------------------------------------------------------------------------------------

check() { # labgrade's own exit code; results in a folder that nobody has written into before
  local code=0
  # The job's own words first: what this script needs wins over them.
  labgrade check "$LAB" "${extra[@]}" --yes --no-color --lang "$lang" --namespace "$namespace" --out "$work/out" \
    "${reach[@]}" "${of_course[@]}" --format junit --format html --format github-summary --format github-classroom \
    2>"$work/said" || code=$?
  clean <"$work/said" >&2
  [ -f "$work/out/result.json" ] || trouble "$code" || true
  return "$code"
}

grade() {
  make_cluster || return
  apply_manifests
  run_steps
  check
}

keep_files() { # into LAB_OUT, in place of what lies there, be it the student's
  local name
  [ ! -L "$out" ] || misuse "LAB_OUT: $out is a link"
  mkdir -p -- "$out"
  for name in "${FILES[@]}"; do
    rm -f -- "$out/$name"
    [ ! -f "$work/out/$name" ] || cp -- "$work/out/$name" "$out/$name"
  done
}

facts() { # name=value for each output and notice, each on one line whatever the files hold
  python3 -I - "$work/out" <<'PYTHON'
import json
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])


def stored(name):
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def number(value):
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{round(value, 2):g}" if real else ""


result, classroom = stored("result.json"), stored("classroom.json")
packed, notices = classroom.get("result"), classroom.get("notices")
complete = result.get("complete") is True
print("score=" + number(result.get("earned")))
print("possible=" + number(result.get("possible")))
print("grade=" + (number(result.get("grade")) if complete else ""))
print("complete=" + ("true" if complete else "false"))
print("result=" + (packed if isinstance(packed, str) and re.fullmatch(r"[A-Za-z0-9+/=]+", packed) else ""))
for line in notices if isinstance(notices, list) else []:
    print("notice=" + " ".join(str(line).split()))
PYTHON
}

value() { sed -n "s/^$1=//p" "$work/facts"; }

publish() { # CODE
  keep_files
  { facts; printf 'results=%s\nexit-code=%s\n' "$out" "$1"; } >"$work/facts"
  summarise >"$work/summary.md"
  cp -- "$work/summary.md" "$out/summary.md"
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$work/summary.md" >>"$GITHUB_STEP_SUMMARY"
  [ -z "${GITHUB_OUTPUT:-}" ] || sed '/^notice=/d' "$work/facts" >>"$GITHUB_OUTPUT"
  if on_github; then annotate; fi
}

summarise() { # the checks, and below them what the student should know of the manifests
  if [ -f "$work/out/summary.md" ]; then cat "$work/out/summary.md"; else printf '## %s\n' "$LAB"; fi
  if [ -s "$work/notes.md" ]; then
    printf '\n### %s\n' "$(text 'On the way to the cluster' 'En route vers le cluster')"
    LC_ALL=C awk -v most="$SUMMARY_BYTES" '{ bytes += length + 1 } bytes <= most' "$work/notes.md"
  fi
}

annotate() { # GitHub Classroom reads points from two notices; a grade that is not complete has none
  if [ "$(value complete)" != true ]; then
    printf '::warning title=labgrade::%s\n' "$(text 'Incomplete: there is no grade. The summary says why.' \
      "Incomplet : il n'y a pas de note. Le résumé dit pourquoi.")"
  elif [ "$notices" = true ]; then
    value notice | grep '^::notice title=Autograding ' || true
  fi
}

verdict() { # CODE: what of it fails the job
  case $fail_on:$1 in
    harness:"$FINDINGS" | never:"$FINDINGS" | never:"$HARNESS") return "$FINE" ;;
    *) return "$1" ;;
  esac
}

end() { # whatever happened: GitHub listens again, and nothing is left but the results
  unhush
  [ -z "$work" ] || rm -rf -- "$work"
}

main() {
  trap end EXIT
  trap 'exit 130' INT TERM
  local code=0
  hush
  read_settings
  work=$(mktemp -d)
  : >"$work/notes.md"
  cd -- "$work" # no program of ours finds a file of the student's where it looks for its own
  grade || code=$?
  unhush
  publish "$code"
  verdict "$code"
}

main "$@"
