import Consensus
import Locks
import Primitives
import SyncRounds

/// The replicated state: what every device computes from the log. Applying never reads a clock.
package struct MeshState: Hashable, Sendable {
    /// Members, sorted by id.
    package private(set) var devices: [DeviceRecord] = []
    /// Devices that were removed: their keys can never come back.
    package private(set) var removed: [DeviceID] = []
    package private(set) var locks: LockTable
    /// The recovery that this epoch began with; nil in a mesh's first one.
    package private(set) var recovery: EpochRecord?
    package private(set) var head = PublishedHead()
    /// Sorted by key.
    package private(set) var settings: [Setting] = [] {
        didSet { syncSettings = SyncSettings(settings) }
    }
    /// What `settings` say of rounds.
    package private(set) var syncSettings = SyncSettings()
    package private(set) var hub: HubRecord?
    /// Conflicts that wait for a person.
    package internal(set) var conflicts = OpenConflicts()
    /// Deletions that wait for a word, sorted; at most two a device.
    package internal(set) var brakes: [DeletionBrake] = []
    /// Answers to recent requests, sorted by device: a retry is answered from here.
    package private(set) var answered: [AnsweredRequests] = []

    /// Of a mesh that this device is about to join, in that epoch.
    package init(epoch: Epoch = .first) {
        locks = LockTable(epoch: epoch.number)
        recovery = epoch == .first ? nil : EpochRecord(epoch: epoch, parent: .first, founder: .hub, head: nil)
    }

    /// A state as it was stored. Nil if it breaks an invariant of its own (order, counts).
    package init?(
        devices: [DeviceRecord], removed: [DeviceID], locks: LockTable, head: PublishedHead, settings: [Setting],
        conflicts: OpenConflicts = OpenConflicts(), brakes: [DeletionBrake] = [], answered: [AnsweredRequests],
        hub: HubRecord? = nil, recovery: EpochRecord? = nil
    ) {
        guard locks.epoch == (recovery?.epoch ?? .first).number else { return nil }
        guard zip(devices, devices.dropFirst()).allSatisfy({ $0.device < $1.device }), devices.count <= Limits.devices,
            zip(settings, settings.dropFirst()).allSatisfy({ $0.key < $1.key }),
            settings.bytes <= Limits.settingsBytes,
            zip(answered, answered.dropFirst()).allSatisfy({ $0.device < $1.device }),
            answered.allSatisfy({ $0.answers.count <= Limits.rememberedRequests }),
            zip(brakes, brakes.dropFirst()).allSatisfy({ $0.precedes($1) }), brakes.count <= 2 * Limits.devices
        else { return nil }
        self.devices = devices
        self.removed = removed
        self.locks = locks
        self.head = head
        self.settings = settings
        syncSettings = SyncSettings(settings)
        self.conflicts = conflicts
        self.brakes = brakes
        self.answered = answered
        self.hub = hub
        self.recovery = recovery
    }

    package var epoch: Epoch { recovery?.epoch ?? .first }

    /// A mesh of one, as it is founded. `head` is what the founder's workspace holds as history already.
    package static func founding(_ record: DeviceRecord, head: Revision? = nil) -> MeshState {
        var state = MeshState()
        state.devices = [record]
        state.head.revision = head
        return state
    }

    package func record(of device: DeviceID) -> DeviceRecord? { devices.first { $0.device == device } }

    /// The answer to a request that was applied before; nil if it was not, or was forgotten.
    package func answer(to request: RequestID) -> MeshOutcome? {
        // In place, and the newest first: it is asked of every entry, and most are new.
        guard let place = answered.firstIndex(where: { $0.device == request.device }) else { return nil }
        for at in answered[place].answers.indices.reversed() where answered[place].answers[at].request == request {
            return answered[place].answers[at].outcome
        }
        return nil
    }
}

/// The head of the workspace: the revision last published.
package struct PublishedHead: Hashable, Sendable {
    package var revision: Revision?
    package var round: RoundID?
    /// How many rounds were published; the number of a round that people see.
    package var number: UInt64
    package var conflicts: UInt32

    package init(revision: Revision? = nil, round: RoundID? = nil, number: UInt64 = 0, conflicts: UInt32 = 0) {
        self.revision = revision
        self.round = round
        self.number = number
        self.conflicts = conflicts
    }
}

/// Answers to one device's requests: to those with the highest ids, ascending, at most `Limits.rememberedRequests`.
/// What is below all of so many was answered and forgotten, or comes too late: it is not carried out (any more).
package struct AnsweredRequests: Hashable, Sendable {
    package var device: DeviceID
    package var answers: [Answer]

    package struct Answer: Hashable, Sendable {
        package var request: RequestID
        package var outcome: MeshOutcome

        package init(request: RequestID, outcome: MeshOutcome) {
            self.request = request
            self.outcome = outcome
        }
    }

    package init(device: DeviceID, answers: [Answer] = []) {
        self.device = device
        self.answers = answers
    }
}

/// What applying one entry came to.
package struct MeshChange: Hashable, Sendable {
    package var request: RequestID
    package var outcome: MeshOutcome
    /// False for a retry, which was answered and not applied.
    package var isNew: Bool
    package var lockEvents: [LockEvent] = []
    package var published: Publication?
    package var rosterChanged = false
    package var settingsChanged = false
    package var review: ReviewEvent?
}

// MARK: - Epochs

extension MeshState {
    /// The same mesh in its next epoch, as the survivor of a lost quorum has it. `head` is what that device really
    /// holds; the number of rounds goes on, so that no two rounds have one number to people.
    func refounded(draw: UInt64, by survivor: DeviceID, head: Revision?, after number: UInt64 = 0) -> MeshState {
        var next = self
        let epoch = Epoch(number: max(self.epoch.number, number) + 1, draw: draw)
        next.recovery = EpochRecord(epoch: epoch, parent: self.epoch, founder: survivor, head: head)
        next.locks.refound(epoch: epoch.number, survivor: survivor)
        next.head.revision = head
        return next
    }

    /// What a device of an older epoch keeps until the log of `newer` brings the rest: whom it may talk to, and what
    /// was set. No lock and no answer of the old epoch means anything in it. `others`: whom its log names beside these;
    /// it may not know yet what of it was committed, and could not come to hear of the new log without them.
    func joining(_ newer: Epoch, by peer: DeviceID, knowing others: [DeviceRecord] = []) -> MeshState {
        var next = self
        let unknown = others.filter { record(of: $0.device) == nil && !removed.contains($0.device) }
        next.devices += unknown.prefix(max(Limits.devices - devices.count, 0))
        next.devices.sort { $0.device < $1.device }
        next.locks = LockTable(epoch: newer.number)
        next.recovery = EpochRecord(epoch: newer, parent: epoch, founder: peer, head: nil)
        next.answered = []
        return next
    }
}

// MARK: - Applying

extension MeshState {
    /// Applies one command of an entry of `term`; `voters` vote as of that entry.
    package mutating func apply(
        _ command: MeshCommand, term: Term, voters: [DeviceID], mutants: MutantSet = .none
    ) -> MeshChange {
        if let outcome = answer(to: command.request) {
            return MeshChange(request: command.request, outcome: outcome, isNew: false)
        }
        guard !isTooLate(command.request) || mutants.has(.newestAnswerForgotten) else {
            return MeshChange(request: command.request, outcome: .refused(.limitReached), isNew: false)
        }
        var change = MeshChange(request: command.request, outcome: .done, isNew: true)
        switch command.operation {
        case .lock(let lock):
            change.outcome = .lock(locks.apply(lock, term: term, mutants: mutants, into: &change.lockEvents))
        case .publish(let publication): publish(publication, voters: voters, mutants, &change)
        case .putDevice(let record): put(record, mutants, &change)
        case .removeDevice(let device): remove(device, term: term, mutants, &change)
        case .set(let setting): put(setting, &change)
        case .unset(let key): unset(key, &change)
        case .hub(let hub): self.change(hub, &change)
        case .review(let review): apply(review, by: command.request.device, &change)
        }
        remember(command.request, change.outcome, mutants)
        return change
    }

    private mutating func publish(
        _ publication: Publication, voters: [DeviceID], _ mutants: MutantSet, _ change: inout MeshChange
    ) {
        let current = locks.grant(of: .sync)?.token
        let takesAnyToken = mutants.has(.olderAfterNewer) || mutants.has(.noFencing)
        guard publication.round.token == current || takesAnyToken else {
            change.outcome = .publicationRefused(.staleToken(presented: publication.round.token, current: current))
            return
        }
        if let last = head.round, last.token == publication.round.token, publication.round.sequence <= last.sequence {
            let presented = publication.round.sequence
            change.outcome = .publicationRefused(.staleSequence(presented: presented, last: last.sequence))
            return
        }
        guard publication.old == head.revision || mutants.has(.forcedHead) || mutants.has(.noFencing) else {
            change.outcome = .publicationRefused(.headMoved(expected: publication.old, head: head.revision))
            return
        }
        let holders = voters.count { publication.holders.contains($0) }
        guard holders > voters.count / 2 || mutants.has(.holdersNotCounted) else {
            change.outcome = .publicationRefused(.notHeld(holders: UInt32(holders), voters: UInt32(voters.count)))
            return
        }
        head = PublishedHead(
            revision: publication.new, round: publication.round, number: head.number &+ 1,
            conflicts: publication.conflicts)
        conflicts.open(publication, number: head.number)
        change.published = publication
        change.outcome = .published(number: head.number)
    }

    private mutating func put(_ record: DeviceRecord, _ mutants: MutantSet, _ change: inout MeshChange) {
        guard !removed.contains(record.device) || mutants.has(.removedReadmitted) else {
            return change.outcome = .refused(.removedDevice)
        }
        guard !devices.contains(where: { $0.name == record.name && $0.device != record.device }) else {
            return change.outcome = .refused(.nameTaken)
        }
        change.rosterChanged = true
        if let place = devices.firstIndex(where: { $0.device == record.device }) {
            devices[place] = record
            return
        }
        guard devices.count < Limits.devices else {
            change.rosterChanged = false
            return change.outcome = .refused(.limitReached)
        }
        devices.insert(record, at: devices.firstIndex { $0.device > record.device } ?? devices.endIndex)
    }

    private mutating func remove(
        _ device: DeviceID, term: Term, _ mutants: MutantSet, _ change: inout MeshChange
    ) {
        guard devices.contains(where: { $0.device == device }) else { return }
        guard removed.count < Limits.removedDevices else { return change.outcome = .refused(.limitReached) }
        devices.removeAll { $0.device == device }
        removed.append(device)
        answered.removeAll { $0.device == device }
        brakes.removeAll { $0.device == device }
        _ = locks.apply(.forget(device), term: term, mutants: mutants, into: &change.lockEvents)
        change.rosterChanged = true
    }

    private mutating func put(_ setting: Setting, _ change: inout MeshChange) {
        var others = settings
        others.removeAll { $0.key == setting.key }
        guard others.count < Limits.settings, others.bytes + [setting].bytes <= Limits.settingsBytes else {
            return change.outcome = .refused(.limitReached)
        }
        others.insert(setting, at: others.firstIndex { $0.key > setting.key } ?? others.endIndex)
        settings = others
        change.settingsChanged = true
    }

    private mutating func unset(_ key: String, _ change: inout MeshChange) {
        guard settings.contains(where: { $0.key == key }) else { return }
        settings.removeAll { $0.key == key }
        change.settingsChanged = true
    }

    private mutating func change(_ hub: HubChange, _ change: inout MeshChange) {
        switch hub {
        case .put(let record): self.hub = record
        case .remove: self.hub = nil
        case .accept(let acceptance):
            guard self.hub != nil else { return change.outcome = .refused(.noHub) }
            self.hub?.acceptance = acceptance
        }
    }

    private mutating func remember(_ request: RequestID, _ outcome: MeshOutcome, _ mutants: MutantSet) {
        let answer = AnsweredRequests.Answer(request: request, outcome: outcome)
        guard let place = answered.firstIndex(where: { $0.device == request.device }) else {
            let entry = AnsweredRequests(device: request.device, answers: [answer])
            answered.insert(entry, at: answered.firstIndex { $0.device > request.device } ?? answered.endIndex)
            return
        }
        if answered[place].answers.count >= Limits.rememberedRequests {
            guard !mutants.has(.newestAnswerForgotten) else { return }
            answered[place].answers.removeFirst()
        }
        // Nearly always it is the newest.
        var at = answered[place].answers.count
        while at > 0, request < answered[place].answers[at - 1].request { at -= 1 }
        answered[place].answers.insert(answer, at: at)
    }

    /// A late copy of a request whose answer is forgotten must not be carried out once more.
    private func isTooLate(_ request: RequestID) -> Bool {
        guard let place = answered.firstIndex(where: { $0.device == request.device }) else { return false }
        guard answered[place].answers.count >= Limits.rememberedRequests else { return false }
        return answered[place].answers.first.map { request < $0.request } ?? false
    }
}
