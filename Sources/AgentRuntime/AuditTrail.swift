import DeviceCore
import Dispatch
import Logging
import Primitives
import Storage
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Keeps the audit: rows are written behind the loop's back, in their order. The audit tells what happened, it decides
/// nothing. What an event of the device becomes stands in AuditRows.swift.
final class AuditTrail: Sendable {
    let store: DeviceStore
    let logger: Logger
    let memory: Mutex<AuditMemory>
    let metrics = AgentMetrics()
    private let queue = DispatchQueue(label: "baton.audit")
    private let waiting = Mutex(Waiting())
    private let writing = Mutex(())
    private let heldPaths = Mutex<@Sendable () -> [String]>({ [] })

    private struct Waiting {
        var rows: [AuditRow] = []
        var isScheduled = false
        /// Rows that were not taken because too many waited, or the disk refused them.
        var lost: UInt64 = 0
    }

    init(store: DeviceStore, logger: Logger) {
        self.store = store
        self.logger = logger
        memory = Mutex(AuditMemory())
        do throws(StoreError) {
            let rows = try store.audit(AuditQuery(limit: Limits.auditRowsRemembered))
            memory.withLock { $0.remember(rows) }
        } catch {
            logger.error("the audit could not be read", metadata: ["reason": "\(error.message)"])
        }
    }

    /// The members as they are known last, up to an index of the log: also before a quorum tells.
    func rosterChanged(_ devices: [DeviceRecord], applied: UInt64) {
        memory.withLock { memory in
            memory.roster = RememberedRoster(applied: applied, devices: devices)
            for record in devices { memory.names[record.device] = record.name }
        }
    }

    /// Where the names of held paths are found when a capture is noted.
    func heldPaths(from look: @escaping @Sendable () -> [String]) { heldPaths.withLock { $0 = look } }
    var heldNow: [String] { heldPaths.withLock { $0 }() }

    /// - Parameter why: nil when it was reached.
    func notReached(_ peer: DeviceID, why: String?) { memory.withLock { $0.dialFailures[peer] = why } }

    /// Who was seen to be granted the lock under this token.
    func holder(of token: FencingToken) -> DeviceID? { memory.withLock { $0.holder(of: token) } }
    func name(of device: DeviceID) -> String { memory.withLock { $0.name(of: device) } }
    var refusedTokens: UInt64 { memory.withLock { $0.refusedTokens } }
    /// The last round that ended well here: unix milliseconds and what it came to.
    var lastComplete: (at: Int64, result: String)? { memory.withLock { $0.lastOK } }
    var facts: RecordFacts {
        memory.withLock { memory in
            RecordFacts(
                lastComplete: memory.lastOK, newest: memory.newest, lastFailure: memory.lastFailure,
                leaderlessSince: memory.leaderlessSince, roster: memory.roster, dialFailures: memory.dialFailures,
                number: { [weak self] revision in self?.memory.withLock { $0.numbers[revision] } })
        }
    }
    var lostRows: UInt64 { waiting.withLock { $0.lost } }

    static var unixMilliseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }

    func note(_ events: [DeviceEvent]) {
        metrics.note(events, device: store.device, at: DeviceLoop.now)
        for event in events { note(event) }
    }

    /// One more row.
    /// - Parameter about: the device that it tells of; nil: this one.
    func add(
        _ kind: String, _ summary: String, about device: DeviceID? = nil, round: RoundID? = nil,
        token: FencingToken? = nil, details: [String: String] = [:]
    ) {
        let row = AuditRow(
            at: Self.unixMilliseconds, kind: kind, device: device ?? store.device, round: round, token: token,
            summary: summary, details: Self.json(details))
        logger.info("\(summary)", metadata: metadata(row))
        let isNew = waiting.withLock { waiting -> Bool in
            guard waiting.rows.count < Limits.auditRowsWaiting else {
                waiting.lost += 1
                return false
            }
            waiting.rows.append(row)
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if isNew { queue.async { [self] in flush() } }
    }

    private static func json(_ details: [String: String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let kept = details.filter { !$0.value.isEmpty }
        return (try? encoder.encode(kept)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private func metadata(_ row: AuditRow) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["kind": "\(row.kind)"]
        if row.device != store.device { metadata["device"] = "\(name(of: row.device))" }
        if let round = row.round { metadata["round"] = "\(round)" }
        if let token = row.token { metadata["token"] = "\(token)" }
        return metadata
    }

    /// Writes what waits. Also called last, when the agent ends, and before the audit is read.
    func flush() {
        // One at a time, or two flushes would write their rows in any order; `add` never waits for the disk.
        writing.withLock { _ in
            let rows = waiting.withLock { waiting in
                defer {
                    waiting.rows = []
                    waiting.isScheduled = false
                }
                return waiting.rows
            }
            guard !rows.isEmpty else { return }
            do throws(StoreError) {
                try store.appendAudit(rows)
            } catch {
                waiting.withLock { $0.lost += UInt64(rows.count) }
                logger.error(
                    "the audit could not be written",
                    metadata: ["reason": "\(error.message)", "rows": "\(rows.count)"])
            }
        }
    }
}
