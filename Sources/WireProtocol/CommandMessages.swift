import DeviceCore
import Locks
import Primitives

extension MeshCommand {
    var wire: WireCommand {
        WireCommand.with {
            $0.request = request.wire
            switch operation {
            case .lock(let command): $0.lock = command.wire
            case .publish(let publication): $0.publish = publication.wire
            case .putDevice(let record): $0.putDevice = record.wire
            case .removeDevice(let device): $0.removeDevice = Write.device(device)
            case .set(let setting): $0.set = setting.wire
            case .unset(let key): $0.unset = key
            case .hub(let change): $0.hub = change.wire
            case .review(let review): $0.review = review.wire
            }
        }
    }

    init(_ wire: WireCommand) throws(WireError) {
        try Read.present(wire.hasRequest, "request")
        let operation: MeshOperation
        switch wire.operation {
        case .lock(let command): operation = .lock(try LockCommand(command))
        case .publish(let publication): operation = .publish(try Publication(publication))
        case .putDevice(let record): operation = .putDevice(try DeviceRecord(record))
        case .removeDevice(let device): operation = .removeDevice(try Read.device(device, "removed device"))
        case .set(let setting): operation = .set(try Setting(setting))
        case .unset(let key):
            operation = .unset(key: try Read.text(key, 1...Limits.settingKeyBytes, "setting's key"))
        case .hub(let change): operation = .hub(try HubChange(change))
        case .review(let review): operation = .review(try ReviewCommand(review))
        case nil: throw .unsupported("command")
        }
        self.init(request: try RequestID(wire.request), operation: operation)
    }
}

extension Publication {
    var wire: WirePublication {
        WirePublication.with {
            $0.round = round.wire
            if let old { $0.old = Write.revision(old) }
            $0.new = Write.revision(new)
            $0.changedFiles = changedFiles
            $0.conflicts = conflicts
            $0.opened = opened.map(\.bits)
            $0.holders = holders.map(Write.device)
            if let undoes { $0.undoes = undoes }
        }
    }

    init(_ wire: WirePublication) throws(WireError) {
        try Read.present(wire.hasRound, "publication.round")
        try Read.limit(wire.holders.count, Limits.devices, "publication's holders")
        self.init(
            round: try RoundID(wire.round), old: try Read.revision(wire.old, if: wire.hasOld, "publication.old"),
            new: try Read.revision(wire.new, "publication.new"),
            changedFiles: try Read.count(wire.changedFiles, "publication.changed_files"),
            conflicts: try Read.count(wire.conflicts, "publication.conflicts"),
            opened: try Read.names(wire.opened, "publication.opened"),
            holders: try wire.holders.map { (device) throws(WireError) in
                try Read.device(device, "publication.holders")
            }, undoes: wire.hasUndoes ? try Read.number(wire.undoes, "publication.undoes") : nil)
    }
}

extension DeviceRecord {
    var wire: WireDevice {
        WireDevice.with {
            $0.device = Write.device(device)
            $0.name = name
            $0.addresses = addresses
        }
    }

    init(_ wire: WireDevice) throws(WireError) {
        self.init(
            device: try Read.device(wire.device, "device"), name: try Self.name(wire.name),
            addresses: try Self.addresses(wire.addresses))
    }

    static func name(_ text: String) throws(WireError) -> String {
        try Read.text(text, 1...Limits.deviceNameBytes, "device's name")
    }

    static func addresses(_ list: [String]) throws(WireError) -> [String] {
        try Read.limit(list.count, Limits.deviceAddresses, "addresses")
        try Read.limit(list.reduce(0) { $0 + $1.utf8.count }, Limits.deviceAddressesBytes, "addresses together")
        return try list.map { (address) throws(WireError) in
            try Read.text(address, 1...Limits.addressBytes, "address")
        }
    }
}

extension Setting {
    var wire: WireSetting {
        WireSetting.with {
            $0.key = key
            $0.value = value
        }
    }

    init(_ wire: WireSetting) throws(WireError) {
        self.init(
            key: try Read.text(wire.key, 1...Limits.settingKeyBytes, "setting's key"),
            value: try Read.text(wire.value, 0...Limits.settingValueBytes, "setting's value"))
    }
}

// MARK: - Outcomes

extension MeshOutcome {
    var wire: WireOutcome {
        WireOutcome.with {
            switch self {
            case .lock(.granted(let grant)): $0.granted = grant.wire
            case .lock(.queued(let position)): $0.queued = UInt32(clamping: position)
            case .lock(.refused(let refusal)): $0.lockRefused = refusal.wire
            case .lock(.done): $0.lockDone = WireNothing()
            case .published(let number): $0.published = number
            case .publicationRefused(let refusal): $0.publicationRefused = refusal.wire
            case .done: $0.done = WireNothing()
            case .refused(let refusal): $0.refused = refusal.wire
            }
        }
    }

    init(_ wire: WireOutcome) throws(WireError) {
        switch wire.outcome {
        case .granted(let grant): self = .lock(.granted(try Grant(grant)))
        case .queued(let position): self = .lock(.queued(position: Int(try Read.count(position, "position"))))
        case .lockRefused(let refusal): self = .lock(.refused(try LockRefusal(refusal)))
        case .lockDone: self = .lock(.done)
        case .published(let number): self = .published(number: try Read.number(number, "published number"))
        case .publicationRefused(let refusal): self = .publicationRefused(try PublicationRefusal(refusal))
        case .done: self = .done
        case .refused(let refusal): self = .refused(try MeshRefusal(refusal))
        case nil: throw .unsupported("outcome")
        }
    }
}

extension PublicationRefusal {
    var wire: WirePublicationRefusal {
        WirePublicationRefusal.with {
            switch self {
            case .staleToken(let presented, let current):
                $0.staleToken = .with {
                    $0.presented = presented.wire
                    if let current { $0.current = current.wire }
                }
            case .staleSequence(let presented, let last):
                $0.staleSequence = .with {
                    $0.presented = presented
                    $0.last = last
                }
            case .headMoved(let expected, let head):
                $0.headMoved = .with {
                    if let expected { $0.expected = Write.revision(expected) }
                    if let head { $0.head = Write.revision(head) }
                }
            case .notHeld(let holders, let voters):
                $0.notHeld = .with {
                    $0.holders = holders
                    $0.voters = voters
                }
            }
        }
    }

    init(_ wire: WirePublicationRefusal) throws(WireError) {
        switch wire.refusal {
        case .staleToken(let stale):
            try Read.present(stale.hasPresented, "presented token")
            self = .staleToken(
                presented: try FencingToken(stale.presented, "presented token"),
                current: try FencingToken.read(stale.current, if: stale.hasCurrent, "current token"))
        case .staleSequence(let stale):
            self = .staleSequence(
                presented: try Read.number(stale.presented, "sequence"), last: try Read.number(stale.last, "sequence"))
        case .headMoved(let moved):
            self = .headMoved(
                expected: try Read.revision(moved.expected, if: moved.hasExpected, "expected head"),
                head: try Read.revision(moved.head, if: moved.hasHead, "head"))
        case .notHeld(let counts):
            self = .notHeld(
                holders: try Read.count(counts.holders, "holders"), voters: try Read.count(counts.voters, "voters"))
        case nil: throw .unsupported("refusal of a publication")
        }
    }
}

extension MeshRefusal {
    var wire: WireMeshRefusal {
        switch self {
        case .removedDevice: .removedDevice
        case .limitReached: .tooManyDevices
        case .nameTaken: .nameTaken
        case .noHub: .noHub
        case .notOpen: .notOpen
        }
    }

    init(_ wire: WireMeshRefusal) throws(WireError) {
        switch wire {
        case .removedDevice: self = .removedDevice
        case .tooManyDevices: self = .limitReached
        case .nameTaken: self = .nameTaken
        case .noHub: self = .noHub
        case .notOpen: self = .notOpen
        case .unknown, .UNRECOGNIZED: throw .unsupported("refusal")
        }
    }
}
