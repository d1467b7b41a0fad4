import GitWorkspace
import Primitives
import Synchronization

/// Tells the audit about paths that a capture held back or an apply did not replace, so that `baton log --path` can say
/// where their bytes were meanwhile. A path that stays held is told once.
final class PathNotes: Sendable {
    private let audit: AuditTrail
    private let hooks: HookDesk
    let watches: RoundWatches
    private let told = Mutex<Set<[UInt8]>>([])

    init(audit: AuditTrail, hooks: HookDesk, watches: RoundWatches) {
        self.audit = audit
        self.hooks = hooks
        self.watches = watches
    }

    func captured(_ round: RoundID, held: [HeldPath]) {
        let news = told.withLock { told in
            let new = held.filter { !told.contains($0.path) }
            told = Set(held.map(\.path))
            return new
        }
        guard let first = news.first else { return }
        let more = news.count > 1 ? ", and \(news.count - 1) more" : ""
        audit.add(
            "held", "held back: \(String(decoding: first.path, as: UTF8.self)), \(first.reason)\(more)", round: round,
            token: round.token, details: AuditPaths.details(news.map(\.path)))
    }

    func released(_ report: RetentionReport) {
        audit.add(
            "retention", "let go: \(report.rounds) rounds and \(report.refs) captures older than retention.days",
            details: ["rounds": "\(report.rounds)", "refs": "\(report.refs)", "bytes": "\(report.bytes)"])
    }

    /// - Parameter number: of the head that was applied.
    func inPlace(_ round: RoundID, _ result: ApplyResult, number: UInt64) {
        if result.waiting == nil { watches.applied(round, result) }
        guard !result.paths.isEmpty else { return }
        let name = audit.holder(of: round.token).map(audit.name(of:)) ?? "another device"
        let paths = result.paths.map { String(decoding: $0, as: UTF8.self) }
        hooks.changed(paths, round: "round \(number)", device: name, at: DeviceLoop.now)
    }

    func applied(_ round: RoundID, _ result: ApplyResult) {
        let late = result.late + result.deferred
        if late.isEmpty { return }
        let noun = late.count == 1 ? "file" : "files"
        audit.add(
            "late", "\(late.count) \(noun) changed or held open while the round ran: kept, captured next", round: round,
            token: round.token, details: AuditPaths.details(late))
    }
}
