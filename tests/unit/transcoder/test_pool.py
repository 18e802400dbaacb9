from transcoder.pool import LEAST_CORES, MAX_JOBS, Pool


def test_the_first_job_is_always_taken() -> None:
    """However small the machine."""
    assert Pool(0.01).has_room()


def test_a_full_worker_leaves_jobs_to_others() -> None:
    """Held shares count until they are let go."""
    pool = Pool(1.0)
    pool.hold("a", 0.5)
    assert pool.has_room()
    pool.hold("b", 0.5 - LEAST_CORES / 2)
    assert not pool.has_room()
    pool.release("a")
    pool.release("a")
    assert pool.has_room()


def test_a_sessions_own_share_is_free_to_itself() -> None:
    """A new plan replaces the old one."""
    pool = Pool(1.0)
    pool.hold("a", 0.75)
    assert pool.free("a") == 1.0
    assert pool.free("b") == 0.25


def test_jobs_are_bounded_whatever_they_cost() -> None:
    """Copies cost next to nothing, descriptors and memory do not."""
    pool = Pool(1000.0)
    for number in range(MAX_JOBS):
        pool.hold(str(number), 0.0)
    assert not pool.has_room()
