# Sources of daemon/, one per line; a new file is a decision.
DAEMON_ROOMS = sys core stores logs rules control io node ctl

sys_SRCS = \
	daemon/sys/clock.c \
	daemon/sys/dirs.c \
	daemon/sys/file.c \
	daemon/sys/log.c \
	daemon/sys/notify.c \
	daemon/sys/priv.c \
	daemon/sys/process.c \
	daemon/sys/usage.c

core_SRCS = \
	daemon/core/accepted.c \
	daemon/core/access.c \
	daemon/core/answer.c \
	daemon/core/dial.c \
	daemon/core/echoes.c \
	daemon/core/endpoint.c \
	daemon/core/endpoint_dial.c \
	daemon/core/endpoint_hold.c \
	daemon/core/endpoint_members.c \
	daemon/core/endpoint_note.c \
	daemon/core/endpoint_raise.c \
	daemon/core/endpoint_reload.c \
	daemon/core/endpoint_time.c \
	daemon/core/forward.c \
	daemon/core/idents.c \
	daemon/core/idents_requests.c \
	daemon/core/link.c \
	daemon/core/link_peer.c \
	daemon/core/members.c \
	daemon/core/members_event.c \
	daemon/core/members_hello.c \
	daemon/core/members_layout.c \
	daemon/core/members_list.c \
	daemon/core/members_out.c \
	daemon/core/members_peer.c \
	daemon/core/members_rows.c \
	daemon/core/members_start.c \
	daemon/core/members_track.c \
	daemon/core/outq.c \
	daemon/core/pools.c \
	daemon/core/records.c \
	daemon/core/relays.c \
	daemon/core/relays_rules.c \
	daemon/core/router.c \
	daemon/core/router_peers.c \
	daemon/core/router_subs.c

stores_SRCS = \
	daemon/stores/backend_lmdb.c \
	daemon/stores/backend_lmdb_batch.c \
	daemon/stores/backend_lmdb_check.c \
	daemon/stores/backend_lmdb_commit.c \
	daemon/stores/backend_lmdb_due.c \
	daemon/stores/backend_lmdb_env.c \
	daemon/stores/backend_lmdb_layer.c \
	daemon/stores/backend_lmdb_record.c \
	daemon/stores/backend_lmdb_snapshot.c \
	daemon/stores/backend_lmdb_view.c \
	daemon/stores/stores.c \
	daemon/stores/stores_ask.c \
	daemon/stores/stores_fact.c \
	daemon/stores/stores_hosts.c \
	daemon/stores/stores_peers.c

logs_SRCS = \
	daemon/logs/delivery.c \
	daemon/logs/inputs.c \
	daemon/logs/inputs_batch.c \
	daemon/logs/inputs_file.c \
	daemon/logs/inputs_mark.c \
	daemon/logs/logger.c \
	daemon/logs/logjournal.c \
	daemon/logs/logsink.c \
	daemon/logs/logsink_anew.c \
	daemon/logs/logsink_fact.c \
	daemon/logs/logsink_format.c \
	daemon/logs/logsink_item.c \
	daemon/logs/logsink_journal.c \
	daemon/logs/logsink_lines.c \
	daemon/logs/logsink_note.c \
	daemon/logs/logsink_recover.c \
	daemon/logs/logsink_rotate.c \
	daemon/logs/logsink_session.c \
	daemon/logs/logsink_writer.c \
	daemon/logs/outbox.c \
	daemon/logs/outbox_add.c \
	daemon/logs/outbox_disk.c \
	daemon/logs/outbox_fact.c \
	daemon/logs/outbox_load.c \
	daemon/logs/outbox_logger.c \
	daemon/logs/outbox_queue.c \
	daemon/logs/outbox_record.c \
	daemon/logs/outbox_send.c \
	daemon/logs/outbox_stream.c \
	daemon/logs/shipper.c \
	daemon/logs/shipper_loggers.c \
	daemon/logs/shipper_own.c

rules_SRCS = \
	daemon/rules/rules.c \
	daemon/rules/rules_fact.c \
	daemon/rules/rules_list.c \
	daemon/rules/rules_outbox.c \
	daemon/rules/rules_run.c \
	daemon/rules/rules_write.c

control_SRCS = \
	daemon/control/control.c \
	daemon/control/control_events.c \
	daemon/control/control_facts.c \
	daemon/control/control_graph.c \
	daemon/control/control_idents.c \
	daemon/control/control_logger.c \
	daemon/control/control_ops.c \
	daemon/control/control_pools.c \
	daemon/control/control_rules.c \
	daemon/control/control_ship.c \
	daemon/control/control_ship_facts.c \
	daemon/control/control_store.c \
	daemon/control/control_store_dump.c \
	daemon/control/control_store_facts.c \
	daemon/control/control_store_read.c \
	daemon/control/control_tail.c

io_SRCS = \
	daemon/io/child.c \
	daemon/io/child_program.c \
	daemon/io/conn.c \
	daemon/io/conn_bio.c \
	daemon/io/conn_end.c \
	daemon/io/conn_move.c \
	daemon/io/control_server.c \
	daemon/io/dialer.c \
	daemon/io/infile.c \
	daemon/io/listener.c \
	daemon/io/local.c \
	daemon/io/logdir.c \
	daemon/io/logdisk.c \
	daemon/io/logdisk_in.c \
	daemon/io/logdisk_out.c \
	daemon/io/logfile.c \
	daemon/io/logpost.c \
	daemon/io/logpost_again.c \
	daemon/io/logpost_clock.c \
	daemon/io/logpost_compress.c \
	daemon/io/logpost_keep.c \
	daemon/io/logpost_run.c \
	daemon/io/logpost_tell.c \
	daemon/io/loop.c \
	daemon/io/peers.c \
	daemon/io/resolve.c \
	daemon/io/sock.c

node_SRCS = \
	daemon/node/all.c \
	daemon/node/choose.c \
	daemon/node/control.c \
	daemon/node/id.c \
	daemon/node/idents.c \
	daemon/node/inputs.c \
	daemon/node/logger.c \
	daemon/node/node.c \
	daemon/node/options.c \
	daemon/node/ready.c \
	daemon/node/reload.c \
	daemon/node/rules.c \
	daemon/node/shipper.c \
	daemon/node/stores.c \
	daemon/node/supervise.c \
	daemon/node/turn.c

ctl_SRCS = \
	daemon/ctl/admin.c \
	daemon/ctl/check.c \
	daemon/ctl/client.c \
	daemon/ctl/commands.c \
	daemon/ctl/completion.c \
	daemon/ctl/facts.c \
	daemon/ctl/find.c \
	daemon/ctl/follow.c \
	daemon/ctl/graph.c \
	daemon/ctl/help.c \
	daemon/ctl/id.c \
	daemon/ctl/log_write.c \
	daemon/ctl/log_write_send.c \
	daemon/ctl/log_trouble.c \
	daemon/ctl/logs.c \
	daemon/ctl/logs_inputs.c \
	daemon/ctl/options.c \
	daemon/ctl/output.c \
	daemon/ctl/pool.c \
	daemon/ctl/publish.c \
	daemon/ctl/publish_stream.c \
	daemon/ctl/rules.c \
	daemon/ctl/show.c \
	daemon/ctl/store.c \
	daemon/ctl/store_copy.c \
	daemon/ctl/store_dump.c \
	daemon/ctl/store_restore.c \
	daemon/ctl/store_show.c \
	daemon/ctl/table.c \
	daemon/ctl/tls.c \
	daemon/ctl/top.c \
	daemon/ctl/value.c \
	daemon/ctl/wait.c \
	daemon/ctl/watch.c

