import DeviceCore
import Primitives
import SyncRounds

extension PeerMessage {
    var wire: WireFrame.OneOf_Payload {
        switch self {
        case .raft(let message): return .raft(message.wire)
        case .propose(let command): return .propose(command.wire)
        case .notLeader(let request, let leader):
            return .notLeader(
                .with {
                    $0.request = request.wire
                    if let leader { $0.leader = Write.device(leader) }
                })
        case .renew(let number, let renewals):
            return .renew(
                .with {
                    $0.number = number
                    $0.renewals = renewals.map(\.wire)
                })
        case .renewed(let number, let answers):
            return .renewed(
                .with {
                    $0.number = number
                    $0.answers = answers.map(\.wire)
                })
        case .round(let message): return .round(message.wire)
        case .facts(let facts): return .facts(facts.wire)
        case .syncRequest(let number, nil): return .syncRequest(number)
        case .syncRequest(let number, .some(let undo)):
            return .undoRequest(
                .with {
                    $0.number = number
                    $0.target = undo.wire
                })
        case .syncAnswer(let number, let answer): return .syncAnswer(answer.wire(number))
        case .handoffRequest(let number, let target):
            return .handoffRequest(
                .with {
                    $0.number = number
                    if let target { $0.target = Write.device(target) }
                })
        case .handoffAnswer(let number, let answer): return .handoffAnswer(answer.wire(number))
        case .leaving(let isLeaving): return .leaving(isLeaving)
        case .stop(let word): return .stop(word.wire)
        }
    }

    init(_ wire: WireFrame.OneOf_Payload?) throws(WireError) {
        switch wire {
        case .raft(let message): self = .raft(try MeshRaftMessage(message))
        case .propose(let command): self = .propose(try MeshCommand(command))
        case .notLeader(let answer):
            try Read.present(answer.hasRequest, "request")
            self = .notLeader(
                try RequestID(answer.request), leader: try Read.device(answer.leader, if: answer.hasLeader, "leader"))
        case .renew(let renew):
            try Read.limit(renew.renewals.count, Limits.locks, "renewals")
            self = .renew(
                number: try Read.number(renew.number, "number"),
                try renew.renewals.map { (renewal) throws(WireError) in try LeaseRenewal(renewal) })
        case .renewed(let renewed):
            try Read.limit(renewed.answers.count, Limits.locks, "renewals")
            self = .renewed(
                number: try Read.number(renewed.number, "number"),
                try renewed.answers.map { (answer) throws(WireError) in try LeaseAnswer(answer) })
        case .round(let message): self = .round(try RoundMessage(message))
        case .facts(let facts): self = .facts(try DeviceFacts(facts))
        case .syncRequest(let number): self = .syncRequest(number: try Read.number(number, "number"))
        case .undoRequest(let request):
            try Read.present(request.hasTarget, "target")
            self = .syncRequest(
                number: try Read.number(request.number, "number"), undo: try UndoTarget(request.target))
        case .syncAnswer(let answer):
            self = .syncAnswer(number: try Read.number(answer.number, "number"), try SyncAnswer(answer))
        case .handoffRequest(let request):
            self = .handoffRequest(
                number: try Read.number(request.number, "number"),
                target: try Read.device(request.target, if: request.hasTarget, "target"))
        case .handoffAnswer(let answer):
            self = .handoffAnswer(number: try Read.number(answer.number, "number"), try HandoffAnswer(answer))
        case .leaving(let isLeaving): self = .leaving(isLeaving)
        case .stop(let word): self = .stop(try MeshStop(word))
        case nil: throw .unsupported("message")
        }
    }
}

extension DeviceFacts {
    var wire: WireFacts {
        WireFacts.with {
            if let base { $0.base = Write.revision(base) }
            $0.pendingFiles = Write.count(pendingFiles)
            $0.firstChangeAge = Write.duration(firstChangeAge)
            $0.lastChangeAge = Write.duration(lastChangeAge)
            $0.activeWriters = Write.count(activeWriters)
            $0.pausedWriters = Write.count(pausedWriters)
            if let waiting { $0.waiting = Write.sentence(waiting) }
            $0.version = Write.sentence(version, limit: Limits.versionBytes)
            if let hub { $0.hub = hub.wire }
            $0.stopped = isStopped
            if let battery = power.battery { $0.battery = UInt32(battery) }
            $0.charging = power.isCharging
            $0.metered = power.isMetered
            $0.trigger = trigger?.rawValue ?? ""
        }
    }

    init(_ wire: WireFacts) throws(WireError) {
        self.init(
            base: try Read.revision(wire.base, if: wire.hasBase, "facts.base"),
            pendingFiles: try Read.count(wire.pendingFiles, "facts.pending_files"),
            firstChangeAge: try Read.duration(wire.firstChangeAge, "facts.first_change_age"),
            lastChangeAge: try Read.duration(wire.lastChangeAge, "facts.last_change_age"),
            activeWriters: try Read.count(wire.activeWriters, "facts.active_writers"),
            pausedWriters: try Read.count(wire.pausedWriters, "facts.paused_writers"),
            waiting: wire.hasWaiting ? try Read.sentence(wire.waiting, "facts.waiting") : nil,
            version: try Read.text(wire.version, 0...Limits.versionBytes, "facts.version"),
            hub: wire.hasHub ? try HubFacts(wire.hub) : nil, isStopped: wire.stopped,
            power: PowerFacts(
                battery: wire.hasBattery ? UInt8(min(wire.battery, 100)) : nil, isCharging: wire.charging,
                isMetered: wire.metered),
            // A reason that this version does not know hurries nothing.
            trigger: RoundReason(rawValue: wire.trigger))
    }
}

extension RoundOutcome {
    var wire: WireRoundOutcome {
        WireRoundOutcome.with {
            $0.round = round.wire
            $0.number = number
            $0.result = result.wire
            $0.changedFiles = Write.count(changedFiles)
            $0.participants = participants.map(Write.device)
            $0.leftOut = leftOut.map(Write.device)
            $0.took = Write.duration(took)
        }
    }

    init(_ wire: WireRoundOutcome) throws(WireError) {
        try Read.present(wire.hasRound && wire.hasResult, "round")
        self.init(
            round: try RoundID(wire.round), number: try Read.number(wire.number, "round's number"),
            result: try RoundResult(wire.result), changedFiles: try Read.count(wire.changedFiles, "changed files"),
            participants: try Read.devices(wire.participants, "participants"),
            leftOut: try Read.devices(wire.leftOut, "left out"), took: try Read.duration(wire.took, "duration"))
    }
}

extension SyncAnswer {
    func wire(_ number: UInt64) -> WireSyncAnswer {
        WireSyncAnswer.with {
            $0.number = number
            switch self {
            case .done(let outcome): $0.done = outcome.wire
            case .notLeader: $0.notLeader = WireNothing()
            case .refused(let text): $0.refused = Write.sentence(text)
            }
        }
    }

    init(_ wire: WireSyncAnswer) throws(WireError) {
        switch wire.answer {
        case .done(let outcome): self = .done(try RoundOutcome(outcome))
        case .notLeader: self = .notLeader
        case .refused(let text): self = .refused(try Read.sentence(text, "refusal"))
        case nil: throw .unsupported("answer")
        }
    }
}

extension HandoffAnswer {
    func wire(_ number: UInt64) -> WireHandoffAnswer {
        WireHandoffAnswer.with {
            $0.number = number
            switch self {
            case .done(let to, let token): $0.done = LeaseHolder(device: to, token: token).wire
            case .notLeader: $0.notLeader = WireNothing()
            case .refused(let refusal): $0.refused = refusal.wire
            }
        }
    }

    init(_ wire: WireHandoffAnswer) throws(WireError) {
        switch wire.answer {
        case .done(let done):
            let holder = try LeaseHolder(done)
            self = .done(to: holder.device, token: holder.token)
        case .notLeader: self = .notLeader
        case .refused(let refusal): self = .refused(try HandoffRefusal(refusal))
        case nil: throw .unsupported("answer")
        }
    }
}

extension HandoffRefusal {
    var wire: WireHandoffRefusal {
        WireHandoffRefusal.with {
            switch self {
            case .notAMember(let device): $0.notAMember = Write.device(device)
            case .unreachable(let device): $0.unreachable = Write.device(device)
            case .behind(let device, let waiting):
                $0.behind = .with {
                    $0.device = Write.device(device)
                    if let waiting { $0.waiting = Write.sentence(waiting) }
                }
            case .alreadyLeader(let device): $0.alreadyLeader = Write.device(device)
            case .nobodyElse: $0.nobodyElse = WireNothing()
            case .leaseLost: $0.leaseLost = WireNothing()
            case .roundDidNotEnd: $0.roundDidNotEnd = WireNothing()
            }
        }
    }

    init(_ wire: WireHandoffRefusal) throws(WireError) {
        switch wire.refusal {
        case .notAMember(let device): self = .notAMember(try Read.device(device, "device"))
        case .unreachable(let device): self = .unreachable(try Read.device(device, "device"))
        case .behind(let behind):
            self = .behind(
                try Read.device(behind.device, "device"),
                waiting: behind.hasWaiting ? try Read.sentence(behind.waiting, "waiting") : nil)
        case .alreadyLeader(let device): self = .alreadyLeader(try Read.device(device, "device"))
        case .nobodyElse: self = .nobodyElse
        case .leaseLost: self = .leaseLost
        case .roundDidNotEnd: self = .roundDidNotEnd
        case nil: throw .unsupported("refusal of a handoff")
        }
    }
}
