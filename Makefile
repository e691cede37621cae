# For hands that type `make`; tasks.py is the one that knows (`python3 tasks.py` lists the tasks).
TASKS := setup lint types imports test pythons crash bench docs build smoke proof soak fmt changelog

.PHONY: $(TASKS)
$(TASKS):
	@python3 tasks.py $@ $(ARGS)
