# SPDX-License-Identifier: Apache-2.0
# fish completion for iotlinkctl(1)

set -l commands status pub sub unsub receipt spool watch sign check metrics
set -l none "not __fish_seen_subcommand_from $commands"

complete -c iotlinkctl -f
complete -c iotlinkctl -l socket -r -F -d 'Socket of the daemon'
complete -c iotlinkctl -l instance -x -d 'Name of an instance'
complete -c iotlinkctl -l json -d 'Output for machines'
complete -c iotlinkctl -s h -l help -d 'Show help'
complete -c iotlinkctl -l version -d 'Show the version'

complete -c iotlinkctl -n $none -a status -d 'Show how the connection to the cloud is'
complete -c iotlinkctl -n $none -a pub -d 'Publish, and print the receipt'
complete -c iotlinkctl -n $none -a sub -d 'Print messages as they come'
complete -c iotlinkctl -n $none -a unsub -d 'End durable subscriptions'
complete -c iotlinkctl -n $none -a receipt -d 'Say what became of a stored message'
complete -c iotlinkctl -n $none -a spool -d 'Show or drop what waits for the cloud on disk'
complete -c iotlinkctl -n $none -a watch -d 'Print each change of the connection'
complete -c iotlinkctl -n $none -a sign -d 'Show what a CONNECT would say'
complete -c iotlinkctl -n $none -a check -d 'Check a configuration'
complete -c iotlinkctl -n $none -a metrics -d 'Print the status as OpenMetrics text'

complete -c iotlinkctl -n '__fish_seen_subcommand_from pub' -s f -l file -r -F -d 'Take the payload from a file'
complete -c iotlinkctl -n '__fish_seen_subcommand_from pub' -s l -l lines -d 'Publish line by line'
complete -c iotlinkctl -n '__fish_seen_subcommand_from pub sub' -s q -l qos -x -a '0 1' -d 'Quality of service'
complete -c iotlinkctl -n '__fish_seen_subcommand_from pub' -s w -l wait -x -a 'sent stored delivered' -d 'What the receipt shall say'
complete -c iotlinkctl -n '__fish_seen_subcommand_from receipt' -s w -l wait -x -a 'stored delivered' -d 'Until when to wait'
complete -c iotlinkctl -n '__fish_seen_subcommand_from pub' -s t -l ttl -x -d 'Give up after so many seconds'

complete -c iotlinkctl -n '__fish_seen_subcommand_from sub' -s C -l count -x -d 'End after so many messages'
complete -c iotlinkctl -n '__fish_seen_subcommand_from sub' -s v -l verbose -d 'Print topics'

complete -c iotlinkctl -n '__fish_seen_subcommand_from sub' -s d -l durable -x -d 'Keep what comes meanwhile, for this name'
complete -c iotlinkctl -n '__fish_seen_subcommand_from unsub' -s d -l durable -x -d 'Whose subscriptions'

complete -c iotlinkctl -n '__fish_seen_subcommand_from spool; and not __fish_seen_subcommand_from list drop' -a list -d 'Show what waits'
complete -c iotlinkctl -n '__fish_seen_subcommand_from spool; and not __fish_seen_subcommand_from list drop' -a drop -d 'Drop what waits'
complete -c iotlinkctl -n '__fish_seen_subcommand_from list' -s n -l limit -x -d 'List no more than so many'
complete -c iotlinkctl -n '__fish_seen_subcommand_from drop' -s a -l all -d 'Drop all messages'
complete -c iotlinkctl -n '__fish_seen_subcommand_from drop' -s r -l receipt -x -d 'Drop the message with this receipt'
complete -c iotlinkctl -n '__fish_seen_subcommand_from drop' -s y -l yes -d 'Drop without asking'

complete -c iotlinkctl -n '__fish_seen_subcommand_from sign check' -s c -l config -r -F -d Configuration
complete -c iotlinkctl -n '__fish_seen_subcommand_from sign' -s e -l explain -d 'Show each step'
complete -c iotlinkctl -n '__fish_seen_subcommand_from sign' -l show-secret -d 'Do not mask secrets'
complete -c iotlinkctl -n '__fish_seen_subcommand_from check' -F

complete -c iotlinkctl -n '__fish_seen_subcommand_from metrics' -s p -l prometheus -d 'In the older text format of Prometheus'
complete -c iotlinkctl -n '__fish_seen_subcommand_from metrics' -s L -l label -x -d 'Put this label on everything'
complete -c iotlinkctl -n '__fish_seen_subcommand_from metrics' -s o -l output -r -F -d 'Replace a file instead of printing'
