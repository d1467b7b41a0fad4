import Locks
import Primitives
import Testing

/// Protocol.md, section 4, the holder's rule: act only before s + 2/3 ttl. With a ttl of 3 s that is s + 2 s.
@Suite struct HolderClaimTests {
    private func claim(acquiredAt sent: Int = 0) -> HolderClaim {
        var claim = HolderClaim(ttl: ttl)
        claim.requestSent(id: 1, at: at(sent))
        claim.answered(id: 1, token: token(7))
        return claim
    }

    @Test func aFreshClaimOwnsNothing() {
        let claim = HolderClaim(ttl: ttl)
        #expect(!claim.mayAct(at: at(0)))
        #expect(claim.remaining(at: at(0)) == .zero)
        #expect(claim.token == nil)
        #expect(claim.nextRenewal(every: .seconds(1)) == nil)
    }

    @Test func theHolderActsUntilTwoThirdsAfterItAsked() {
        var claim = HolderClaim(ttl: ttl)
        claim.requestSent(id: 1, at: at(100))
        #expect(!claim.mayAct(at: at(100)))
        // The answer takes 1.5 s; what counts is when the request left.
        #expect(claim.answered(id: 1, token: token(7)) == true)
        #expect(claim.actsBefore == at(2100))
        #expect(claim.mayAct(at: at(2099)))
        #expect(!claim.mayAct(at: at(2100)))
        #expect(claim.remaining(at: at(1600)) == .milliseconds(500))
        #expect(claim.remaining(at: at(9000)) == .zero)
    }

    @Test func aRenewalCountsFromItsSendingNotFromItsAnswer() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(500))
        claim.requestSent(id: 3, at: at(1000))
        #expect(claim.actsBefore == at(2000))
        #expect(claim.answered(id: 2, token: token(7)) == true)
        #expect(claim.actsBefore == at(2500))
    }

    /// The simulator's seed 2304: the holder's log was behind, the quorum leader knew of a newer grant to it, and the
    /// answer named that one. Its lease ran from the grant on, not from this question.
    @Test func anAnswerThatNamesANewerGrantRenewsNothing() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(1500), renewing: token(7))
        #expect(claim.answered(id: 2, token: token(9)) == false)
        #expect(claim.token == token(9))
        #expect(!claim.mayAct(at: at(1600)))
        claim.requestSent(id: 3, at: at(1700), renewing: token(9))
        #expect(claim.answered(id: 3, token: token(9)) == true)
        #expect(claim.actsBefore == at(3700))
    }

    @Test func anOlderAnswerNeverMovesItBack() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(500))
        claim.requestSent(id: 3, at: at(1000))
        claim.answered(id: 3, token: token(7))
        claim.answered(id: 2, token: token(7))
        #expect(claim.actsBefore == at(3000))
    }

    @Test func aDuplicatedOrUnknownAnswerProvesNothing() {
        var claim = claim()
        let before = claim
        #expect(claim.answered(id: 1, token: token(7)) == false)
        #expect(claim.answered(id: 99, token: token(7)) == false)
        #expect(claim == before)
    }

    @Test func aRequestSentAgainKeepsItsFirstMoment() {
        var claim = HolderClaim(ttl: ttl)
        claim.requestSent(id: 1, at: at(0))
        claim.requestSent(id: 1, at: at(1500))
        claim.answered(id: 1, token: token(7))
        #expect(claim.actsBefore == at(2000))
    }

    @Test func aRefusedRequestProvesNothing() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(1000))
        claim.unanswered(id: 2)
        #expect(claim.answered(id: 2, token: token(7)) == false)
        #expect(claim.actsBefore == at(2000))
    }

    @Test func theGrantSaysTheTTL() {
        var claim = HolderClaim(ttl: .seconds(60))
        claim.requestSent(id: 1, at: at(0))
        claim.answered(id: 1, token: token(7), ttl: ttl)
        #expect(claim.actsBefore == at(2000))
    }

    @Test func onlySoManyUnansweredRequestsAreRemembered() {
        var claim = claim()
        for id in 2..<UInt64(Limits.unansweredRenewals + 3) { claim.requestSent(id: id, at: at(Int(id))) }
        #expect(claim.answered(id: 2, token: token(7)) == false, "forgotten")
        claim.requestSent(id: 2, at: at(1500))
        #expect(claim.answered(id: 2, token: token(7)) == false, "its first moment is forgotten")
        #expect(claim.answered(id: 3, token: token(7)) == true)
        #expect(claim.actsBefore == at(2003))
    }

    @Test func aClockThatWentBackProvesNothing() {
        let claim = claim(acquiredAt: 5000)
        #expect(!claim.mayAct(at: at(4999)))
        #expect(claim.mayAct(at: at(5000)))
    }
}

/// When a claim has to stop, and when it may go on.
@Suite struct HolderClaimStopTests {
    private func claim() -> HolderClaim {
        var claim = HolderClaim(ttl: ttl)
        claim.requestSent(id: 1, at: at(0))
        claim.answered(id: 1, token: token(7))
        return claim
    }

    @Test func afterASleepItWaitsForAConfirmationAndResumesUnderTheSameToken() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(400))
        claim.slept()
        #expect(!claim.mayAct(at: at(500)))
        #expect(claim.token == token(7))
        #expect(claim.renewalDue(at: at(500), every: .seconds(1)))
        #expect(claim.answered(id: 2, token: token(7)) == false, "sent before the sleep")
        claim.requestSent(id: 3, at: at(600))
        #expect(claim.answered(id: 3, token: token(7)) == true)
        #expect(claim.actsBefore == at(2600))
    }

    /// The retry goes out under the same id after the sleep; the answer is to the first sending.
    @Test func aLateAnswerToARequestFromBeforeTheSleepIsNotTakenForAFreshOne() {
        var claim = HolderClaim(ttl: ttl)
        claim.requestSent(id: 1, at: at(0))
        claim.slept()
        claim.requestSent(id: 1, at: at(60_000))
        #expect(claim.answered(id: 1, token: token(7)) == false)
        #expect(!claim.mayAct(at: at(60_001)))
        #expect(claim.token == token(7), "learned, to be confirmed")
        #expect(claim.renewalDue(at: at(60_001), every: .seconds(1)))
    }

    @Test func onlyANewerGrantIsALoss() {
        var claim = claim()
        claim.lost(to: token(6))
        claim.lost(to: token(7))
        #expect(claim.mayAct(at: at(1)))
        claim.requestSent(id: 2, at: at(500))
        claim.lost(to: token(8))
        #expect(!claim.mayAct(at: at(501)))
        #expect(claim.answered(id: 2, token: token(7)) == false, "confirmed before it was lost")
        #expect(claim.token == nil)
        #expect(!claim.renewalDue(at: at(9000), every: .seconds(1)))
    }

    @Test func aLostLockMayBeWonAgain() {
        var claim = claim()
        claim.lost(to: token(8))
        claim.requestSent(id: 2, at: at(5000))
        claim.lost(to: token(8))
        #expect(claim.answered(id: 2, token: token(8)) == false, "another's")
        claim.requestSent(id: 3, at: at(6000))
        #expect(claim.answered(id: 3, token: token(9)) == true)
        #expect(claim.actsBefore == at(8000))
    }

    /// The release may still be on its way when the lock is asked for again and the old grant comes back as the answer.
    @Test func whatWasGivenUpIsNotTakenBackUnderItsOldToken() {
        var claim = claim()
        claim.requestSent(id: 2, at: at(100))
        claim.gaveUp()
        #expect(!claim.mayAct(at: at(101)))
        #expect(claim.answered(id: 2, token: token(7)) == false)
        claim.requestSent(id: 3, at: at(200))
        #expect(claim.answered(id: 3, token: token(7)) == false)
        #expect(!claim.mayAct(at: at(201)))
        claim.requestSent(id: 4, at: at(300))
        #expect(claim.answered(id: 4, token: token(8)) == true)
    }

    @Test func aGrantSeenInTheLogMustBeConfirmed() {
        var claim = HolderClaim(ttl: .seconds(60))
        claim.requestSent(id: 1, at: at(0))
        claim.granted(grant(a, 7))
        #expect(!claim.mayAct(at: at(90_000)))
        #expect(claim.renewalDue(at: at(90_000), every: .seconds(1)))
        claim.requestSent(id: 2, at: at(90_000))
        claim.answered(id: 2, token: token(7))
        #expect(claim.actsBefore == at(92_000))
        let before = claim
        claim.granted(grant(a, 7))
        #expect(claim == before, "seen again")
    }

    @Test func renewalsAreDueAtTheInterval() {
        var claim = claim()
        #expect(claim.nextRenewal(every: .milliseconds(500)) == at(500))
        #expect(!claim.renewalDue(at: at(499), every: .milliseconds(500)))
        #expect(claim.renewalDue(at: at(500), every: .milliseconds(500)))
        claim.requestSent(id: 2, at: at(500))
        #expect(claim.nextRenewal(every: .milliseconds(500)) == at(1000))
    }
}
