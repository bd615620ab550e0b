# SPDX-License-Identifier: Apache-2.0
# bash completion for iotlinkctl(1)

_iotlinkctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local command='' action='' options='--socket --instance --json --help --version' i

        COMPREPLY=()
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                status | pub | sub | unsub | receipt | spool | watch | sign | check | metrics)
                        command=${COMP_WORDS[i]}
                        action=${COMP_WORDS[i + 1]}
                        break
                        ;;
                --socket | --instance | --config | -c)
                        ((i++))
                        ;;
                esac
        done

        case $previous in
        --socket | --config | -c | --file | -f | --output | -o)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        --qos | -q)
                mapfile -t COMPREPLY < <(compgen -W '0 1' -- "$current")
                return
                ;;
        --wait | -w)
                options='sent stored delivered'
                [[ $command != receipt ]] || options='stored delivered'
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                return
                ;;
        --instance | --ttl | -t | --count | -C | --durable | -d | --limit | -n | --receipt | -r | --label | -L)
                return
                ;;
        esac

        case $command in
        '') options+=' status pub sub unsub receipt spool watch sign check metrics' ;;
        pub) options+=' --file --lines --qos --wait --ttl' ;;
        sub) options+=' --count --verbose --durable --qos' ;;
        unsub) options+=' --durable' ;;
        receipt) options+=' --wait' ;;
        metrics) options+=' --prometheus --label --output' ;;
        spool)
                case $action in
                list) options+=' --limit' ;;
                drop) options+=' --all --receipt --yes' ;;
                *) options+=' list drop' ;;
                esac
                ;;
        sign) options+=' --config --explain --show-secret' ;;
        check)
                options+=' --config'
                if [[ $current != -* ]]; then
                        mapfile -t COMPREPLY < <(compgen -f -- "$current")
                        return
                fi
                ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}

complete -o filenames -F _iotlinkctl iotlinkctl
