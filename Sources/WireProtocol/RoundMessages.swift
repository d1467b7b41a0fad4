import Primitives
import SyncRounds

extension RoundMessage {
    var wire: WireRoundMessage {
        WireRoundMessage.with {
            $0.round = round.wire
            switch self {
            case .prepare(_, let budget): $0.prepare = Write.duration(budget)
            case .captured(_, let report): $0.captured = report.wire
            case .declined(_, let decline): $0.declined = decline.wire
            case .stage(_, let revision): $0.stage = Write.revision(revision)
            case .staged(_, let revision): $0.staged = Write.revision(revision)
            case .working: $0.working = WireNothing()
            case .finish: $0.finish = WireNothing()
            case .abort: $0.abort = WireNothing()
            case .applied(_, let report): $0.applied = report.wire
            }
        }
    }

    init(_ wire: WireRoundMessage) throws(WireError) {
        try Read.present(wire.hasRound, "round")
        let round = try RoundID(wire.round)
        switch wire.message {
        case .prepare(let budget): self = .prepare(round, pauseBudget: try Read.duration(budget, "pause budget"))
        case .captured(let report): self = .captured(round, try CaptureReport(report))
        case .declined(let decline): self = .declined(round, try RoundDecline(decline))
        case .stage(let revision): self = .stage(round, try Read.revision(revision, "stage"))
        case .staged(let revision): self = .staged(round, try Read.revision(revision, "staged"))
        case .working: self = .working(round)
        case .finish: self = .finish(round)
        case .abort: self = .abort(round)
        case .applied(let report): self = .applied(round, try ApplyReport(report))
        case nil: throw .unsupported("round message")
        }
    }
}

extension CaptureReport {
    var wire: WireCapture {
        WireCapture.with {
            if let base { $0.base = Write.revision(base) }
            if let revision { $0.revision = Write.revision(revision) }
            $0.changedFiles = Write.count(changedFiles)
            $0.heldPaths = Write.count(heldPaths)
            $0.writers = writers.wire
        }
    }

    init(_ wire: WireCapture) throws(WireError) {
        self.init(
            base: try Read.revision(wire.base, if: wire.hasBase, "capture.base"),
            revision: try Read.revision(wire.revision, if: wire.hasRevision, "capture.revision"),
            changedFiles: try Read.count(wire.changedFiles, "capture.changed_files"),
            heldPaths: try Read.count(wire.heldPaths, "capture.held_paths"),
            writers: try WriterReport(wire.writers))
    }
}

extension WriterReport {
    /// Names beyond the limit are left out: they are for people.
    var wire: WireWriters {
        WireWriters.with {
            $0.paused = Self.wire(paused)
            $0.unanswered = Self.wire(unanswered)
            $0.outside = Self.wire(outside)
        }
    }

    private static func wire(_ names: [String]) -> [String] {
        names.prefix(Limits.writerNamesInMessage).map { Write.sentence($0, limit: Limits.writerNameBytes) }
    }

    init(_ wire: WireWriters) throws(WireError) {
        self.init(
            paused: try Self.names(wire.paused), unanswered: try Self.names(wire.unanswered),
            outside: try Self.names(wire.outside))
    }

    private static func names(_ list: [String]) throws(WireError) -> [String] {
        try Read.limit(list.count, Limits.writerNamesInMessage, "writers")
        return try list.map { (name) throws(WireError) in
            try Read.text(name, 0...Limits.writerNameBytes, "writer's name")
        }
    }
}

extension RoundDecline {
    var wire: WireDecline {
        WireDecline.with {
            switch self {
            case .staleToken(let presented, let highest, let holder):
                $0.staleToken = .with {
                    $0.presented = presented.wire
                    $0.highest = highest.wire
                    if let holder { $0.holder = Write.device(holder) }
                }
            case .busy(let round): $0.busy = round.wire
            case .failed(let text): $0.failed = Write.sentence(text)
            case .stopped: $0.stopped = WireNothing()
            }
        }
    }

    init(_ wire: WireDecline) throws(WireError) {
        switch wire.decline {
        case .staleToken(let stale):
            try Read.present(stale.hasPresented && stale.hasHighest, "token")
            self = .staleToken(
                presented: try FencingToken(stale.presented, "presented token"),
                highest: try FencingToken(stale.highest, "highest token"),
                holder: try Read.device(stale.holder, if: stale.hasHolder, "token's holder"))
        case .busy(let round): self = .busy(try RoundID(round))
        case .failed(let text): self = .failed(try Read.sentence(text, "decline"))
        case .stopped: self = .stopped
        case nil: throw .unsupported("decline")
        }
    }
}

extension ApplyReport {
    var wire: WireApply {
        WireApply.with {
            if let base { $0.base = Write.revision(base) }
            $0.appliedFiles = Write.count(appliedFiles)
            $0.lateFiles = Write.count(lateFiles)
            if let waiting { $0.waiting = Write.sentence(waiting) }
        }
    }

    init(_ wire: WireApply) throws(WireError) {
        self.init(
            base: try Read.revision(wire.base, if: wire.hasBase, "apply.base"),
            appliedFiles: try Read.count(wire.appliedFiles, "apply.applied_files"),
            lateFiles: try Read.count(wire.lateFiles, "apply.late_files"),
            waiting: wire.hasWaiting ? try Read.sentence(wire.waiting, "apply.waiting") : nil)
    }
}

extension MergeReport {
    var wire: WireMerge {
        WireMerge.with {
            $0.revision = Write.revision(revision)
            $0.changedFiles = Write.count(changedFiles)
            $0.conflicts = Write.count(conflicts)
            if let undo { $0.undo = undo.wire }
            $0.opened = opened.prefix(Limits.openConflicts).map(\.bits)
        }
    }

    init(_ wire: WireMerge) throws(WireError) {
        self.init(
            revision: try Read.revision(wire.revision, "merge.revision"),
            changedFiles: try Read.count(wire.changedFiles, "merge.changed_files"),
            conflicts: try Read.count(wire.conflicts, "merge.conflicts"),
            opened: try Read.names(wire.opened, "merge.opened"),
            undo: wire.hasUndo ? try UndoReport(wire.undo) : nil)
    }
}

extension RoundResult {
    var wire: WireRoundResult {
        WireRoundResult.with {
            switch self {
            case .published(let report): $0.published = report.wire
            case .nothingToDo: $0.nothingToDo = WireNothing()
            case .caughtUp: $0.caughtUp = WireNothing()
            case .aborted(let text): $0.aborted = Write.sentence(text)
            }
        }
    }

    init(_ wire: WireRoundResult) throws(WireError) {
        switch wire.result {
        case .published(let report): self = .published(try MergeReport(report))
        case .nothingToDo: self = .nothingToDo
        case .caughtUp: self = .caughtUp
        case .aborted(let text): self = .aborted(try Read.sentence(text, "round result"))
        case nil: throw .unsupported("round result")
        }
    }
}
