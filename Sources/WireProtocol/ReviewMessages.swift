import DeviceCore
import Primitives

extension ReviewCommand {
    var wire: WireReview {
        WireReview.with {
            switch self {
            case .resolve(let id, let choice):
                $0.resolve = .with {
                    $0.conflict = id.bits
                    switch choice {
                    case .device(let device): $0.device = Write.device(device)
                    case .both: $0.both = WireNothing()
                    case .content: $0.content = WireNothing()
                    }
                }
            case .brake(let brake): $0.brake = brake.wire
            case .lift(let device, let ofRound):
                $0.lift = .with {
                    $0.device = Write.device(device)
                    $0.ofRound = ofRound
                }
            case .allowDeletions(let id): $0.allowDeletions = id.bits
            }
        }
    }

    init(_ wire: WireReview) throws(WireError) {
        switch wire.command {
        case .resolve(let resolve):
            let id = try Read.name(resolve.conflict, "conflict")
            switch resolve.choice {
            case .device(let device): self = .resolve(id, .device(try Read.device(device, "chosen device")))
            case .both: self = .resolve(id, .both)
            case .content: self = .resolve(id, .content)
            case nil: throw .unsupported("choice")
            }
        case .brake(let brake): self = .brake(try DeletionBrake(brake))
        case .lift(let lift): self = .lift(try Read.device(lift.device, "braked device"), ofRound: lift.ofRound)
        case .allowDeletions(let id): self = .allowDeletions(try Read.name(id, "deletions"))
        case nil: throw .unsupported("review")
        }
    }
}

extension DeletionBrake {
    var wire: WireDeletionBrake {
        WireDeletionBrake.with {
            $0.device = Write.device(device)
            $0.ofRound = ofRound
            $0.id = id.bits
            $0.deleted = Write.count(deleted)
            $0.files = Write.count(files)
            if let allowedBy { $0.allowedBy = Write.device(allowedBy) }
        }
    }

    init(_ wire: WireDeletionBrake) throws(WireError) {
        self.init(
            device: try Read.device(wire.device, "braked device"), ofRound: wire.ofRound,
            id: try Read.name(wire.id, "deletions"), deleted: try Read.count(wire.deleted, "brake.deleted"),
            files: try Read.count(wire.files, "brake.files"),
            allowedBy: try Read.device(wire.allowedBy, if: wire.hasAllowedBy, "brake.allowed_by"))
    }
}

extension OpenConflicts {
    var wire: WireOpenConflicts {
        WireOpenConflicts.with {
            $0.list = list.map { conflict in
                .with {
                    $0.id = conflict.id.bits
                    $0.number = conflict.number
                    $0.revision = Write.revision(conflict.revision)
                    $0.round = conflict.round
                }
            }
            $0.lastNumber = lastNumber
            $0.unlisted = unlisted
        }
    }

    init(_ wire: WireOpenConflicts) throws(WireError) {
        try Read.limit(wire.list.count, Limits.openConflicts, "open conflicts")
        let conflicts = OpenConflicts(
            list: try wire.list.map { (conflict) throws(WireError) in
                OpenConflict(
                    id: try Read.name(conflict.id, "conflict"),
                    number: try Read.number(conflict.number, "conflict.number"),
                    revision: try Read.revision(conflict.revision, "conflict.revision"),
                    round: try Read.number(conflict.round, "conflict.round"))
            }, lastNumber: try Read.number(wire.lastNumber, "conflicts.last_number"),
            unlisted: try Read.count(wire.unlisted, "conflicts.unlisted"))
        guard let conflicts else { throw .invalid(field: "conflicts", "are a list that no commands lead to") }
        self = conflicts
    }
}

extension Read {
    /// The name of a conflict or of a set of deletions.
    static func name(_ bits: UInt64, _ field: String) throws(WireError) -> ShortID {
        guard let id = ShortID(bits: bits) else { throw .invalid(field: field, "has more than 48 bits") }
        return id
    }

    static func names(_ list: [UInt64], _ field: String) throws(WireError) -> [ShortID] {
        try limit(list.count, Limits.openConflicts, field)
        return try list.map { (bits) throws(WireError) in try name(bits, field) }
    }
}
